"""Counters and histograms: plain numbers that the event loop raises and a scrape reads. No locks: one loop owns them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from llmlb_core.contracts.metrics import HistogramSample, Labels, Sample

LATENCY_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""From an embedding to a long answer; 16 buckets a series."""


class Counter:
    """A number that only grows: ``cell.value += 1``."""

    __slots__ = ("labels", "value")

    def __init__(self, labels: Labels = ()) -> None:
        """Begin at 0."""
        self.labels = labels
        self.value: float = 0

    def sample(self) -> Sample:
        """Return the value now."""
        return Sample(self.labels, self.value)


class Histogram:
    """Counts of values by size."""

    __slots__ = ("bounds", "counts", "labels", "sum")

    def __init__(self, bounds: Sequence[float] = LATENCY_BOUNDS_S, labels: Labels = ()) -> None:
        """Begin empty; *bounds* ascend, and a value equal to one belongs below it."""
        self.labels = labels
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count *value*."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def sample(self) -> HistogramSample:
        """Return the counts now."""
        return HistogramSample(self.labels, tuple(self.counts), self.sum)
