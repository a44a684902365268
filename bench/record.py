"""Measures the stage ``record``: what a call pays on the event loop for metrics, feedback, observers and the access log.

    python bench/record.py

Printed are microseconds a call on the event loop, batches included, medians of seven rounds; *later* is what a thread does
afterwards for the same call.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import time
from collections.abc import Callable, Sequence

from llmlb_core import Feedback, Observer, Record, Usage
from llmlb_core.stages.record import Recorder
from llmlb_core.telemetry import access as access_log
from llmlb_core.telemetry.calls import CallMetrics
from llmlb_core.telemetry.delivery import Delivery

CALLS = 9_000
ROUNDS = 7


class Outlet:
    """As much of one as the stage reads."""

    bytes_out = 692


class Sink(Observer):
    """Takes everything."""

    name = "sink"

    async def observe(self, records: Sequence[Record]) -> None:
        """Do nothing."""


class Quota(Feedback):
    """Adds up."""

    name = "quota"
    total = 0

    def on_end(self, record: Record) -> None:
        """Count."""
        if record.usage is not None:
            self.total += record.usage.total_tokens


def make_records() -> list[Record]:
    """Return what the earlier stages leave behind of eight models' calls."""
    now = time.monotonic()
    return [
        Record(
            id=f"req-9f86d08188{number:08x}",
            started_at=now,
            method="POST",
            path="/v1/chat/completions",
            client_address="127.0.0.1",
            principal="key:3f2a6c1e-5a7e-4a6f-9d3c-6d1f6f0b2a11",
            operation="chat",
            model=f"model-{number % 8}",
            served_by=f"server-{number % 4}",
            status=200,
            ending="finished",
            queue_wait_s=0.0,
            first_token_s=0.02,
            bytes_in=928,
            usage=Usage(120, 40),
        )
        for number in range(CALLS)
    ]


async def round_us(make: Callable[[], Recorder]) -> float:
    """Return the time of one call through a fresh recorder."""
    records, outlet, record = make_records(), Outlet(), make()
    started_at = time.perf_counter()
    for each in records:
        record(each, outlet)  # type: ignore[arg-type]  # a stand-in
    record.flush()
    return (time.perf_counter() - started_at) / CALLS * 1e6


def lines_us() -> float:
    """Return the time that the access log's thread needs for one line."""
    records = make_records()
    started_at = time.perf_counter()
    access_log.lines(records)
    return (time.perf_counter() - started_at) / CALLS * 1e6


async def main() -> None:
    """Print the table."""

    def fail(name: str, error: BaseException) -> None:
        raise RuntimeError(name) from error

    def delivery() -> Delivery:
        return Delivery({"sink": Sink()}, fail)

    def log() -> access_log.AccessLog:
        return access_log.AccessLog(io.StringIO())

    cases: dict[str, Callable[[], Recorder]] = {
        "nothing": lambda: Recorder(None),
        "metrics": lambda: Recorder(None, calls=CallMetrics()),
        "feedback": lambda: Recorder(None, feedbacks={"quota": Quota()}),
        "observer": lambda: Recorder(None, delivery=delivery()),
        "access log": lambda: Recorder(log()),
        "all": lambda: Recorder(log(), calls=CallMetrics(), delivery=delivery(), feedbacks={"quota": Quota()}),
    }
    print("| stage record | µs/call |\n|---|---|")
    for name, make in cases.items():
        print(f"| {name} | {statistics.median([await round_us(make) for _ in range(ROUNDS)]):.2f} |")
    print(f"| access log, later | {statistics.median(lines_us() for _ in range(ROUNDS)):.2f} |")


if __name__ == "__main__":
    asyncio.run(main())
