"""The access log: one line a call, written in batches by a thread, so that nothing here waits for whoever reads it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import TextIO

import msgspec

from llmlb_core.domain.records import Record

RETRY_S = 0.25
CLOSE_S = 2.0
MAX_PENDING = 10_000
"""Lines that may wait while the stream takes none; further ones are dropped and counted."""

_encoder = msgspec.json.Encoder()


class Line(msgspec.Struct, gc=False):
    """One line, as it is written."""

    ts: datetime
    level: str
    component: str
    event: str
    id: str
    principal: str
    path: str
    model: str
    endpoint: str
    stream: bool
    status: int
    ending: str
    error: str | None
    duration_ms: float
    queue_ms: float
    first_token_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    attempts: int


class AccessLog:
    """Writes a line for each record. It is given them in batches, by the stage ``record``."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to *stream* (stderr)."""
        self._stream = stream or sys.stderr
        self._pending: list[Record] = []
        self._timer: asyncio.TimerHandle | None = None
        self._batches: SimpleQueue[list[Record]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._idle = threading.Event()
        self._idle.set()
        self._dropped_count = 0
        self._unwritten_count = 0  # the thread's own, so that no two threads raise one number

    @property
    def dropped_count(self) -> int:
        """Lines lost, because too many waited or the stream could not be written."""
        return self._dropped_count + self._unwritten_count

    def take(self, records: Sequence[Record]) -> None:
        """Write the lines of *records*, at once where the last ones are written."""
        room = MAX_PENDING - len(self._pending)
        if room < len(records):
            self._dropped_count += len(records) - room
            records = records[:room]
        self._pending.extend(records)
        if self._timer is None:
            self._tick()

    def flush(self) -> None:
        """Write what waits; where nobody reads the stream, give up after two seconds. For the end of the server."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._idle.wait(CLOSE_S):
            self._hand_over()
            if self._idle.wait(CLOSE_S):
                return
        self._dropped_count += len(self._pending)
        self._pending = []

    def _tick(self) -> None:
        self._timer = None
        if self._idle.is_set():
            self._hand_over()
        else:
            # The last batch is not written yet: whoever reads the stream is slow. One batch at a time, or memory would grow.
            self._timer = asyncio.get_running_loop().call_later(RETRY_S, self._tick)

    def _hand_over(self) -> None:
        if not self._pending:
            return
        if self._thread is None:
            # A daemon: a stream that blocks for ever must not keep the process alive.
            self._thread = threading.Thread(target=self._serve, name="access log", daemon=True)
            self._thread.start()
        batch, self._pending = self._pending, []
        self._idle.clear()
        self._batches.put(batch)

    def _serve(self) -> None:
        while True:
            batch = self._batches.get()
            try:
                self._stream.write(lines(batch))
                self._stream.flush()
            except (OSError, ValueError):
                self._unwritten_count += len(batch)
            finally:
                self._idle.set()


def lines(records: Sequence[Record]) -> str:
    """Return the lines of *records*, each with its end."""
    offset_s = time.time() - time.monotonic()
    at = datetime.fromtimestamp
    made = []
    for record in records:
        usage, first_token_s, queue_wait_s = record.usage, record.first_token_s, record.queue_wait_s
        duration_s, served_by = record.duration_s, record.served_by
        # Tenths of milliseconds: `// 1` cuts as `int` does, at half the price.
        made.append(
            Line(
                at(offset_s + record.started_at + duration_s, UTC),
                "info",
                "access",
                "call",
                record.id,
                record.principal,
                record.path,
                record.model,
                served_by,
                record.stream,
                record.status,
                record.ending,
                record.error_code,
                duration_s * 10_000 // 1 / 10,
                queue_wait_s * 10_000 // 1 / 10 if queue_wait_s else 0.0,
                None if first_token_s is None else first_token_s * 10_000 // 1 / 10,
                None if usage is None else usage.prompt_tokens,
                None if usage is None else usage.completion_tokens,
                record.attempt_count if record.attempts else 1 if served_by else 0,
            )
        )
    return _encoder.encode_lines(made).decode()
