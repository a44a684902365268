"""How late the server's event loop says that it was, from ``/metrics``."""

from __future__ import annotations

import math
import re

from attrs import frozen

from bench.answers import ask
from bench.errors import MeasurementFailed
from bench.server import Server

FAMILY = "llmlb_loop_lag_seconds"
_BUCKET = re.compile(rf'^{FAMILY}_bucket{{le="([^"]+)"}} (\d+)$', re.MULTILINE)
_DROPPED = re.compile(r"^llmlb_records_dropped_total\S* (\d+)$", re.MULTILINE)


@frozen
class LoopLag:
    """Looks at the loop, counted by how late it was.

    Attributes:
        bounds_ms: Upper bounds, ascending; the last is infinite.
        counts: As many, each without those below it.
    """

    bounds_ms: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def looks(self) -> int:
        """Return how often the loop was looked at."""
        return sum(self.counts)

    def since(self, earlier: LoopLag) -> LoopLag:
        """Return what came after *earlier*.

        Raises:
            MeasurementFailed: *earlier* is of another server.
        """
        counts = tuple(now - then for now, then in zip(self.counts, earlier.counts, strict=False))
        if self.bounds_ms != earlier.bounds_ms or min(counts) < 0:
            raise MeasurementFailed("the loop's lag was counted anew in the middle: did the server start again?")
        return LoopLag(self.bounds_ms, counts)

    def quantile_ms(self, share: float) -> float:
        """Return the bound that *share* of the looks were not later than; NaN of none."""
        rank, seen = max(1, math.ceil(share * self.looks)), 0
        for bound, count in zip(self.bounds_ms, self.counts, strict=True):
            seen += count
            if seen >= rank:
                return bound
        return math.nan


def parse_lag(page: str) -> LoopLag:
    """Read the lag from the text of ``/metrics``.

    Raises:
        MeasurementFailed: It is not there.
    """
    found = _BUCKET.findall(page)
    if not found:
        raise MeasurementFailed(f"/metrics has no {FAMILY}; it begins with {page[:200]!r}")
    sums = [int(count) for _, count in found]
    bounds = tuple(math.inf if bound == "+Inf" else round(float(bound) * 1000, 6) for bound, _ in found)
    return LoopLag(bounds, tuple(sum_ - before for sum_, before in zip(sums, [0, *sums], strict=False)))


def parse_dropped(page: str) -> int:
    """Return how many records of calls were lost, over all observers."""
    return sum(int(count) for count in _DROPPED.findall(page))


def read_metrics(server: Server) -> str:
    """Return the page; the server's key must be one of an administrator.

    Raises:
        MeasurementFailed: It is refused.
        OSError: The server is gone.
    """
    answer = ask(server.port, "GET", "/metrics", server.headers)
    if answer.status != 200:
        raise MeasurementFailed(f"/metrics answers {answer.status}: {answer.body[:200]!r}")
    return answer.body.decode()


def shown_ms(value: float) -> str:
    """Return a quantile as text: it is a bound, not a value."""
    if math.isnan(value):
        return "–"
    return "> the last bound" if math.isinf(value) else f"≤ {value:g}"


def finite(value: float) -> float | None:
    """Return a quantile as JSON can hold it: None where it is beyond the last bound, or of nothing."""
    return value if math.isfinite(value) else None
