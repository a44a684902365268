"""The server's measurements, as a plugin may read them to export them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from attrs import frozen

Labels = tuple[str, ...]


@frozen
class Sample:
    """One value of a counter or gauge.

    Attributes:
        labels: Values, in the order of the family's ``label_names``.
    """

    labels: Labels
    value: float


@frozen
class HistogramSample:
    """One histogram.

    Attributes:
        counts: How many values fell at or below each bound and above the one before; one more for those above the last.
        sum: Of all values.
    """

    labels: Labels
    counts: tuple[int, ...]
    sum: float


@frozen
class MetricFamily:
    """All values of one name at one moment.

    Attributes:
        name: In lower case, without a prefix, unit or ``total``: ``call_duration``.
        help: One sentence.
        unit: ``seconds``, ``bytes`` or nothing.
        bounds: Upper bounds of a histogram's buckets, ascending, without infinity.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    label_names: tuple[str, ...] = ()
    unit: str = ""
    samples: Sequence[Sample] = ()
    histograms: Sequence[HistogramSample] = ()
    bounds: tuple[float, ...] = ()


class MetricsView(Protocol):
    """The server's measurements. Memory only; never waits."""

    def collect(self) -> Sequence[MetricFamily]:
        """Return every family as it is now, in a stable order."""
        ...
