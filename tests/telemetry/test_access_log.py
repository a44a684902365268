"""The access log, and readers that are slow or gone."""

import asyncio
import io
import json
import os
import threading
import time

from llmlb_core import Record, Usage
from llmlb_core.telemetry import access as access_module
from llmlb_core.telemetry.access import MAX_PENDING, AccessLog


def record(number=1, **facts):
    return Record(f"req-{number}", time.monotonic(), **facts)


class Stalled(io.StringIO):
    """Nobody reads it until the test does."""

    def __init__(self):
        super().__init__()
        self.read = threading.Event()
        self.entered = threading.Event()

    def write(self, text):
        self.entered.set()
        self.read.wait(30)
        return super().write(text)


async def test_each_call_is_one_json_object():
    """With what an operator looks for, times in milliseconds, and nothing of the call's content."""
    stream = io.StringIO()
    log = AccessLog(stream)

    log.take(
        [
            record(
                principal="key:1",
                path="/v1/chat/completions",
                model='a "model"\n',
                served_by="gpu1",
                status=200,
                ending="finished",
                duration_s=1.23456,
                first_token_s=0.5,
                usage=Usage(7, 8),
            )
        ]
    )
    log.take([record(2, status=401, ending="failed", error_code="invalid_api_key")])
    log.flush()

    first, second = map(json.loads, stream.getvalue().splitlines())
    assert ("access", "call", "req-1", 'a "model"\n', "gpu1") == tuple(
        first[name] for name in ("component", "event", "id", "model", "endpoint")
    )
    assert (1234.5, 500.0, 7, 8, 1) == tuple(
        first[name] for name in ("duration_ms", "first_token_ms", "prompt_tokens", "completion_tokens", "attempts")
    )
    assert ("invalid_api_key", None, 0) == tuple(second[name] for name in ("error", "first_token_ms", "attempts"))


async def test_lines_are_written_without_anybody_asking():
    """As soon as they are given."""
    stream = Stalled()
    stream.read.set()
    log = AccessLog(stream)

    log.take([record()])
    written = await asyncio.to_thread(stream.entered.wait, 10)
    log.flush()

    assert written
    assert 1 == len(stream.getvalue().splitlines())


async def test_loop_does_not_wait_for_a_reader_that_stalls():
    """Lines collect up to a bound, further ones are counted; what was kept comes when the reader is back."""
    stream = Stalled()
    log = AccessLog(stream)
    log.take([record()])
    assert await asyncio.to_thread(stream.entered.wait, 10)

    for number in range(MAX_PENDING + 50):
        log.take([record(number)])
    dropped = log.dropped_count
    stream.read.set()
    log.flush()

    assert 50 == dropped == log.dropped_count
    assert MAX_PENDING + 1 == len(stream.getvalue().splitlines())


async def test_stop_does_not_wait_for_ever(monkeypatch):
    """The lines are lost and counted, the server ends."""
    monkeypatch.setattr(access_module, "CLOSE_S", 0.05)
    stream = Stalled()
    log = AccessLog(stream)
    log.take([record()])
    assert await asyncio.to_thread(stream.entered.wait, 10)
    log.take([record(2)])

    log.flush()
    stream.read.set()

    assert 1 == log.dropped_count


async def test_closed_stream_loses_lines_and_nothing_else():
    """Such as a pipe whose reader ended."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        log = AccessLog(stream)
        for _ in range(3):
            log.take([record()])
        log.flush()
        dropped = log.dropped_count
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

    assert 3 == dropped


async def test_a_line_that_cannot_be_written_does_not_end_the_log():
    """A lone surrogate is no text; later lines are written."""
    stream = io.StringIO()
    log = AccessLog(stream)

    log.take([record(1, model="\ud800")])
    log.flush()
    log.take([record(2)])
    log.flush()

    assert ["req-2"] == [json.loads(line)["id"] for line in stream.getvalue().splitlines()]
    assert 1 == log.dropped_count
