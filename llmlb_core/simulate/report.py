"""Results for people, as tables, and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import asdict

from llmlb_core.simulate.tally import Result

MAX_SHARES = 8
"""So many endpoints are shown one by one; of more, the least and the largest share."""

_HEADS = (
    "router",
    "first token p50",
    "p95",
    "p99",
    "total p50",
    "p95",
    "p99",
    "good",
    "waited",
    "queue",
    "most",
    "cached",
    "errors",
)


def table(title: str, results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of one trace: its title, a line for each router, then the shares of endpoints."""
    rows = [_HEADS, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    yield title
    for row in rows:
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    for result in results:
        yield f"{result.router.ljust(widths[0])}  share: {_shares(result)}"
        if result.errors:
            told = ", ".join(f"{count} {code}" for code, count in result.errors.items())
            yield f"{result.router.ljust(widths[0])}  errors: {told}"
        if result.faults:
            told = ", ".join(f"{who} {count} times" for who, count in result.faults.items())
            yield f"{result.router.ljust(widths[0])}  faults: {told}"


def document(results: Iterable[Result], *, seed: int) -> dict[str, Any]:
    """Return everything, the same for the same trace, settings and seed."""
    return {"seed": seed, "results": [asdict(result) for result in results]}


def _row(result: Result) -> tuple[str, ...]:
    first, total = result.first_token, result.total
    times = [seconds_text(seconds) for each in (first, total) for seconds in (each.p50_s, each.p95_s, each.p99_s)]
    errors = sum(result.errors.values())
    return (
        result.router,
        *times,
        _percent(result.goodput_0_1),
        _percent(result.waited_0_1),
        f"{result.queue_mean:.1f}",
        str(result.queue_max),
        _percent(result.cached_0_1),
        str(errors),
    )


def _shares(result: Result) -> str:
    shares = result.share_by_endpoint
    if len(shares) <= MAX_SHARES:
        return ", ".join(f"{name} {_percent(share)}" for name, share in shares.items())
    least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    return f"{len(shares)} endpoints, from {100 * shares[least]:.3g} % ({least}) to {100 * shares[most]:.3g} % ({most})"


def seconds_text(seconds: float) -> str:
    """Return a time with three digits and its unit."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"


def _percent(share_0_1: float) -> str:
    return f"{100 * share_0_1:.1f} %"
