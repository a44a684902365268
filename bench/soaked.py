"""What a soak saw, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import Factory, asdict, define, field, frozen

from bench.loop_lag import LoopLag, finite, shown_ms
from bench.machine import describe_machine
from bench.steady import StreamReport, Tally
from bench.trend import MemorySample, growth_mb_per_h, percentile, rss_mb_at

SHARES = (0.1, 0.5, 1.0)
QUANTILES = (("p50", 0.5), ("p99", 0.99))
JUDGED_FROM_S = 180.0
"""A shorter run says nothing of an hour: its first caches are still filling."""
MAX_GROWTH_MB_PER_H = 30.0
"""What it would be if each call and each stream of the usual load, 356 a second, left one number (24 bytes) behind."""


@frozen
class Load:
    """What is done to the server."""

    seconds: float = 600.0
    streams: int = 500
    callers: int = 8
    calls_per_s: float = 200.0


@define
class Soaked:
    """What was seen."""

    load: Load
    tally: Tally = field(factory=Tally)
    streams: int = 0
    events: int = 0
    stream_errors: int = 0
    first_stream_error: str = ""
    latency_p99_ms: float = 0.0
    memory: list[MemorySample] = Factory(list)
    lag: LoopLag | None = None
    dropped_records: int = 0
    cpu_share: float = 0.0

    @property
    def errors(self) -> int:
        """Count what went wrong, calls, streams and records alike."""
        return self.tally.errors + self.stream_errors + self.dropped_records

    @property
    def is_judged(self) -> bool:
        """Say whether the run was long enough to judge growth."""
        return self.load.seconds >= JUDGED_FROM_S

    def take(self, report: StreamReport) -> None:
        """Note how far the stream client is."""
        self.streams, self.events, self.stream_errors = report.streams, report.events, report.errors
        self.first_stream_error = report.first_error
        if report.is_last:
            self.latency_p99_ms = report.latency_p99_ms

    def complaints(self, max_growth_mb_per_h: float) -> list[str]:
        """Return what is not as it should be."""
        found = []
        if self.tally.errors:
            found.append(f"{self.tally.errors} plain calls failed; the first: {self.tally.first_error}")
        if self.stream_errors:
            found.append(f"{self.stream_errors} streams failed; the first: {self.first_stream_error}")
        if self.dropped_records:
            found.append(f"{self.dropped_records} records of calls were lost on their way to the history")
        if not self.streams or not self.tally.calls:
            found.append(f"nothing was soaked: {self.streams} streams, {self.tally.calls} calls")
        growth = growth_mb_per_h(self.memory)
        if self.is_judged and growth > max_growth_mb_per_h:
            found.append(
                f"memory grows by {growth:.1f} MB/h, more than {max_growth_mb_per_h:g}: "
                "look at it with a longer run (--minutes 60), then with tracemalloc"
            )
        return found

    def rows(self) -> list[tuple[str, str]]:
        """Return the table."""
        growth = f"{growth_mb_per_h(self.memory):+.1f} MB/h"
        shown = [
            ("minutes", f"{self.load.seconds / 60:.1f}"),
            ("plain calls", f"{self.tally.calls:,}"),
            ("streams", f"{self.streams:,}"),
            ("events", f"{self.events:,}"),
            ("errors", f"{self.errors:,}"),
            ("CPU of the server's core", f"{self.cpu_share:.0%}"),
            *((f"resident memory at {share:.0%}", f"{rss_mb_at(self.memory, share):.1f} MB") for share in SHARES),
            ("growth after the first fifth, least squares", growth if self.is_judged else f"{growth}, too short to judge"),
            ("event latency p99", f"{self.latency_p99_ms:.1f} ms"),
            ("plain call p50", f"{percentile(self.tally.latencies_ms, 0.5):.1f} ms"),
            ("plain call p99", f"{percentile(self.tally.latencies_ms, 0.99):.1f} ms"),
        ]
        if self.lag is not None:
            shown += [(f"loop lag {name}", f"{shown_ms(self.lag.quantile_ms(share))} ms") for name, share in QUANTILES]
        return shown


def document(soaked: Soaked, complaints: Sequence[str]) -> dict[str, Any]:
    """Return all that was seen, as JSON can hold it."""
    lag = soaked.lag
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "load": asdict(soaked.load),
        "valid": not complaints,
        "complaints": list(complaints),
        "calls": soaked.tally.calls,
        "streams": soaked.streams,
        "events": soaked.events,
        "errors": soaked.errors,
        "rss_mb": {f"{share:.0%}": round(rss_mb_at(soaked.memory, share), 2) for share in SHARES},
        "growth_mb_per_h": round(growth_mb_per_h(soaked.memory), 2),
        "growth_judged": soaked.is_judged,
        "event_latency_p99_ms": soaked.latency_p99_ms,
        "loop_lag_ms": lag and {name: finite(lag.quantile_ms(share)) for name, share in QUANTILES},
        "cpu_share": round(soaked.cpu_share, 3),
        "memory": [[round(each.at_s, 1), each.rss_bytes] for each in soaked.memory],
    }


def markdown(soaked: Soaked, date: str) -> str:
    """Return the table for the page."""
    machine, load = describe_machine(), soaked.load
    told = (
        f"Measured {date[:10]}: {machine['cpu']}, {machine['cores']} cores, {machine['system']} {machine['kernel']}, "
        f"Python {machine['python']}; {load.streams} streams at a time and {load.calls_per_s:g} plain calls a second."
    )
    rows = "\n".join(f"| {name} | {value} |" for name, value in soaked.rows())
    return f"![Line: resident memory over the time of the soak](soak.svg)\n\n{told}\n\n| soak | |\n|---|---:|\n{rows}"
