"""What is measured, one function a scenario; each takes a fresh server and returns its numbers or raises."""

from __future__ import annotations

from collections.abc import Callable

from attrs import Factory, frozen

from bench import proctree
from bench.answers import engine_counts
from bench.bodies import LARGE_BYTES, SMALL_BYTES, call_body, stream_body
from bench.errors import MeasurementFailed
from bench.load import Calls, PeakMemory, Streams, post_calls, read_streams
from bench.server import Server

Numbers = dict[str, float]
BYTES_TOLERANCE = 0.01
"""Heads differ by a digit now and then; bodies must not."""


@frozen
class Bench:
    """Where the load runs, and for how long a call scenario lasts.

    Attributes:
        looked_at: Bytes of an answer, head and body, by server process and scenario, from its warm-up. A server that is kept
            between rounds is warm from then on.
    """

    load_core: int
    seconds: int = 3
    warm_up_s: int = 1
    looked_at: dict[tuple[int, str], float] = Factory(dict)


@frozen
class Scenario:
    """One thing to measure.

    Attributes:
        metric: The number whose ratio to nginx counts; None where no ratio is meant.
        events: Content events of a stream; ``interval_ms`` apart.
    """

    name: str
    title: str
    measure: Callable[[Scenario, Bench, Server], Numbers]
    metric: str | None
    streams: int = 0
    events: int = 64
    interval_ms: float = 20
    ramp_ms: int = 500
    body_bytes: int = SMALL_BYTES
    connections: int = 32


def _measure_calls(scenario: Scenario, bench: Bench, server: Server) -> Numbers:
    body, length = call_body(scenario.body_bytes), len(server.answer.body)
    key = (server.pid, scenario.name)
    if key not in bench.looked_at:
        looked = _post(scenario, bench, server, body, seconds=bench.warm_up_s, expect_bytes=length)
        bench.looked_at[key] = looked.bytes_per_call
    usual = bench.looked_at[key]
    counted = _answered(server)
    before = proctree.look(server.pid)
    calls = _post(scenario, bench, server, body, seconds=bench.seconds)
    after = proctree.look(server.pid)
    answered = _answered(server) - counted
    if answered < calls.calls:
        raise MeasurementFailed(f"{calls.calls} calls were answered, but the engines saw {answered} of them")
    if abs(calls.bytes_per_call - usual) > usual * BYTES_TOLERANCE:
        raise MeasurementFailed(f"answers had {calls.bytes_per_call:.1f} bytes each, but {usual:.1f} when they were looked at")
    cpu_s = proctree.spent_s(before, after)
    return {
        "cpu_us": cpu_s / calls.calls * 1e6,
        "calls_per_s": calls.calls / calls.wall_s,
        "p50_us": calls.p50_us,
        "p99_us": calls.p99_us,
        "core_share": cpu_s / calls.wall_s,
        "rss_mb": after.rss_bytes / 1e6,
    }


def _post(scenario: Scenario, bench: Bench, server: Server, body: bytes, *, seconds: int, expect_bytes: int = 0) -> Calls:
    return post_calls(
        *(bench.load_core, server.port, server.headers, body),
        connections=scenario.connections,
        seconds=seconds,
        expect_bytes=expect_bytes,
    )


def _answered(server: Server) -> int:
    return sum(engine_counts(port)["calls"] for port in server.engines)


def _measure_streams(scenario: Scenario, bench: Bench, server: Server) -> Numbers:
    key = (server.pid, scenario.name)
    if key not in bench.looked_at:
        _read(scenario, bench, server, streams=16, ramp_ms=50)
        bench.looked_at[key] = 0
    before = proctree.look(server.pid)
    with PeakMemory(server.pid) as memory:
        seen = _read(scenario, bench, server, streams=scenario.streams, ramp_ms=scenario.ramp_ms)
    after = proctree.look(server.pid)
    cpu_s = proctree.spent_s(before, after)
    return {
        "cpu_us": cpu_s / seen.events * 1e6,
        "first_token_p50_ms": seen.first_token_p50_ms,
        "first_token_p99_ms": seen.first_token_p99_ms,
        "latency_p50_ms": seen.latency_p50_ms,
        "latency_p99_ms": seen.latency_p99_ms,
        "kb_per_stream": memory.growth_bytes / seen.streams / 1000,
        "core_share": cpu_s / seen.wall_s,
        "events": seen.events,
        "errors": 0,
    }


def _read(scenario: Scenario, bench: Bench, server: Server, *, streams: int, ramp_ms: int) -> Streams:
    return read_streams(
        *(bench.load_core, server.port, server.headers, stream_body()),
        streams=streams,
        events=scenario.events,
        ramp_ms=ramp_ms,
    )


_ALL = (
    Scenario("call", "928 B in, 692 B out, 32 connections", _measure_calls, "cpu_us"),
    Scenario("call66k", "66 KB in, 692 B out, 32 connections", _measure_calls, "cpu_us", body_bytes=LARGE_BYTES),
    Scenario("latency1", "928 B in, 692 B out, one call at a time", _measure_calls, "p50_us", connections=1),
    Scenario("event", "500 streams × 64 events × 20 ms", _measure_streams, "cpu_us", streams=500),
    # Slow on purpose: it asks what a stream holds, not what an event costs, and 2,000 fast ones would overload the one core.
    Scenario(
        *("streams2000", "2,000 streams × 16 events × 250 ms", _measure_streams, None),
        streams=2000,
        events=16,
        interval_ms=250,
        ramp_ms=2000,
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}
