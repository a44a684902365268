"""Does memory grow? Samples over time, and the straight line through them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from attrs import frozen

WARM_UP = 0.2
"""The share of the time in which caches, pools and arenas are filled; growth is looked for after it."""


@frozen
class MemorySample:
    """Resident memory of a process tree at a moment."""

    at_s: float
    rss_bytes: int


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the least squares line through *points*; 0 of fewer than two different moments."""
    if len({x for x, _ in points}) < 2:
        return 0.0
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


def growth_mb_per_h(samples: Sequence[MemorySample]) -> float:
    """Return by how much memory grows after the warm-up."""
    if not samples:
        return 0.0
    begin_s = samples[0].at_s + (samples[-1].at_s - samples[0].at_s) * WARM_UP
    return slope([(each.at_s, each.rss_bytes / 1e6) for each in samples if each.at_s >= begin_s]) * 3600


def rss_mb_at(samples: Sequence[MemorySample], share: float) -> float:
    """Return the median of the memory around *share* of the time, in a window of a twentieth of it."""
    if not samples:
        return 0.0
    whole_s = samples[-1].at_s - samples[0].at_s
    wanted_s = samples[0].at_s + whole_s * share
    near = [each.rss_bytes for each in samples if abs(each.at_s - wanted_s) <= whole_s / 40]
    nearest = min(samples, key=lambda each: abs(each.at_s - wanted_s))
    return statistics.median(near or [nearest.rss_bytes]) / 1e6


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that *share* of *values* are not above; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
