"""Request bodies, and what wrk and the stream client print."""

from __future__ import annotations

import json

import pytest

from bench.bodies import LARGE_BYTES, SMALL_BYTES, call_body, stream_body
from bench.errors import BenchError, MeasurementFailed
from bench.load import parse_streams, parse_wrk

NO_ERRORS = {"connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0}


def wrk_output(**changes: object) -> str:
    """Return what ``post.lua`` prints among wrk's own lines."""
    result = {"calls": 1000, "wall_us": 2_000_000, "bytes": 800_000, "p50_us": 90.0, "p99_us": 200.0}
    result |= {"looked_at": 1000, "wrong": 0, "first_wrong": "", "errors": NO_ERRORS}
    return "Running 2s test\nRESULT " + json.dumps(result | changes) + "\n"


def streams_output(**changes: object) -> str:
    """Return what the stream client prints."""
    result = {
        "streams": 2,
        "ok": 2,
        "errors": 0,
        "error_kinds": {"status": 0, "cut": 0},
        "first_error": "",
        "events": 136,
        "wall_s": 1.3,
    }
    result |= {"first_token_ms": {"p50": 20.5, "p99": 21.0}, "event_latency_ms": {"p50": 0.1, "p99": 0.4, "max": 1.0}}
    return json.dumps(result | changes)


@pytest.mark.parametrize("size", [SMALL_BYTES, LARGE_BYTES, 300])
def test_bodies_have_the_size_they_are_asked_for(size):
    """To the byte, as valid JSON."""
    body = call_body(size)

    assert size == len(body)
    assert "fake-model" == json.loads(body)["model"]


def test_a_stream_asks_for_usage():
    """So that every proxy has the same to do."""
    body = json.loads(stream_body())

    assert body["stream"] is True
    assert body["stream_options"]["include_usage"] is True


def test_a_body_that_is_too_small_is_refused():
    """Fields alone take more than ten bytes."""
    with pytest.raises(ValueError, match="no room"):
        call_body(10)


def test_wrk_result_is_read():
    """Bytes a call are heads and bodies."""
    calls = parse_wrk(wrk_output(), looked_at=True)

    assert (1000, 2.0, 800.0) == (calls.calls, calls.wall_s, calls.bytes_per_call)


@pytest.mark.parametrize(
    "changes",
    [
        {"errors": NO_ERRORS | {"status": 1}},
        {"errors": NO_ERRORS | {"timeout": 2}},
        {"wrong": 1, "first_wrong": "200 with 10 bytes"},
        {"calls": 0},
    ],
)
def test_a_failed_call_is_no_speed(changes):
    """One bad answer in a thousand makes the measurement invalid."""
    with pytest.raises(MeasurementFailed):
        parse_wrk(wrk_output(**changes), looked_at=True)


def test_wrk_without_a_result_is_a_fault_of_the_bench():
    """Its words are in the message."""
    with pytest.raises(BenchError, match="unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1:1 Connection refused\n", looked_at=False)


def test_stream_result_is_read():
    """Latencies keep their unit."""
    streams = parse_streams(streams_output())

    assert (136, 20.5, 0.4) == (streams.events, streams.first_token_p50_ms, streams.latency_p99_ms)


def test_a_failed_stream_is_named_by_kind():
    """The message says how many, of which kind, and how the first one looked."""
    output = streams_output(ok=1, errors=1, error_kinds={"status": 0, "cut": 1}, first_error="cut: closed before its end")

    with pytest.raises(MeasurementFailed, match=r"1 of 2 streams failed: \{'cut': 1\}; the first: cut: closed"):
        parse_streams(output)
