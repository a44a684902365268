"""What a run of random faults saw, and what is told of it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from attrs import Factory, asdict, define, field, frozen

from bench.machine import describe_machine
from bench.soaked import JUDGED_FROM_S, SHARES
from bench.trend import MemorySample, growth_mb_per_h, percentile, rss_mb_at

SHOWN = 5
"""Complaints that are told; the rest is counted."""


@frozen
class Storm:
    """What is done to the server.

    Attributes:
        calls_per_s: Begun at this pace, however long they take.
        share: Of the calls, those that meet faults.
        endpoints: How many serve the model.
    """

    seconds: float = 600.0
    calls_per_s: float = 200.0
    share: float = 0.2
    endpoints: int = 3
    seed: int = 1


@define
class Faulted:
    """What was seen.

    Attributes:
        ends: Calls by how they ended: ``whole``, ``error``, ``in_band``, ``cut``, ``late``.
        codes: Calls that ended with an error, by its code.
        met: Calls that met faults.
        refused: Calls that met no fault and ended with an error all the same.
        saved: Of these, those that ended whole.
        left: Calls in flight at the end, and calls after it that did not work.
    """

    storm: Storm
    ends: Counter[str] = field(factory=Counter)
    codes: Counter[str] = field(factory=Counter)
    met: int = 0
    refused: int = 0
    saved: int = 0
    attempts: int = 0
    broken: int = 0
    first_broken: list[str] = Factory(list)
    left: list[str] = Factory(list)
    well_latencies_s: list[float] = Factory(list)
    memory: list[MemorySample] = Factory(list)
    seconds: float = 0.0

    @property
    def calls(self) -> int:
        """Calls that ended."""
        return sum(self.ends.values())

    def complain(self, complaints: list[str]) -> None:
        """Note what did not hold for one call."""
        self.broken += bool(complaints)
        if len(self.first_broken) < SHOWN:
            self.first_broken += complaints

    def complaints(self, max_growth_mb_per_h: float) -> list[str]:
        """Return what is not as it should be."""
        found = [*self.left]
        if self.broken:
            found.append(f"{self.broken} calls broke what must hold; the first: {'; '.join(self.first_broken)}")
        wanted = self.storm.calls_per_s * self.storm.seconds
        if self.calls < 0.9 * wanted:
            found.append(f"only {self.calls:,} of {wanted:,.0f} calls were made: this machine cannot make them fast enough")
        growth = growth_mb_per_h(self.memory)
        if self.storm.seconds >= JUDGED_FROM_S and growth > max_growth_mb_per_h:
            found.append(f"memory grows by {growth:.1f} MB/h, more than {max_growth_mb_per_h:g}")
        return found

    def rows(self) -> list[tuple[str, str]]:
        """Return the table."""
        growth = f"{growth_mb_per_h(self.memory):+.1f} MB/h"
        is_judged = self.storm.seconds >= JUDGED_FROM_S
        return [
            ("minutes", f"{self.seconds / 60:.1f}"),
            ("calls", f"{self.calls:,}"),
            ("calls a second", f"{self.calls / max(self.seconds, 0.1):.0f}"),
            ("calls that met faults", f"{self.met:,}"),
            ("of these answered whole", f"{self.saved:,} ({self.saved / max(1, self.met):.1%})"),
            ("attempts a call", f"{self.attempts / max(1, self.calls):.2f}"),
            ("ended with an error before any text", f"{self.ends['error']:,}"),
            ("ended with an error event", f"{self.ends['in_band']:,}"),
            ("codes of errors", ", ".join(f"`{code}` {count:,}" for code, count in self.codes.most_common(6)) or "none"),
            ("of calls without a fault ended with an error", f"{self.refused:,}"),
            ("broken invariants", f"{self.broken:,}"),
            ("calls left in flight, calls after it that failed", f"{len(self.left)}"),
            ("call without a fault p50", f"{1000 * percentile(self.well_latencies_s, 0.5):.0f} ms"),
            ("call without a fault p99", f"{1000 * percentile(self.well_latencies_s, 0.99):.0f} ms"),
            *((f"resident memory at {share:.0%}", f"{rss_mb_at(self.memory, share):.1f} MB") for share in SHARES),
            ("growth after the first fifth, least squares", growth if is_judged else f"{growth}, too short to judge"),
        ]


def document(faulted: Faulted, complaints: list[str]) -> dict[str, Any]:
    """Return all that was seen, as JSON can hold it."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "storm": asdict(faulted.storm),
        "valid": not complaints,
        "complaints": complaints,
        "ends": dict(faulted.ends),
        "codes": dict(faulted.codes),
        "met": faulted.met,
        "refused": faulted.refused,
        "saved": faulted.saved,
        "broken": faulted.broken,
        "growth_mb_per_h": round(growth_mb_per_h(faulted.memory), 2),
    }


def markdown(faulted: Faulted, date: str) -> str:
    """Return the table for the page."""
    machine, storm = describe_machine(), faulted.storm
    told = (
        f"Measured {date[:10]}: {machine['cpu']}, {machine['cores']} cores, {machine['system']} {machine['kernel']}, "
        f"Python {machine['python']}; {storm.endpoints} endpoints, {storm.calls_per_s:g} calls a second, half of them streams, "
        f"{storm.share:.0%} of them with faults."
    )
    rows = "\n".join(f"| {name} | {value} |" for name, value in faulted.rows())
    return f"{told}\n\n| random faults | |\n|---|---:|\n{rows}"
