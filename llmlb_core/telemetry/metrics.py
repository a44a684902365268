"""Everything this server measures, in one place that a plugin can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from llmlb_core.contracts.metrics import Labels, MetricFamily, Sample
from llmlb_core.telemetry.calls import CallMetrics
from llmlb_core.telemetry.cells import Histogram

LAG_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

Reading = Mapping[Labels, float] | float


class Metrics:
    """The server's measurements; a ``MetricsView``.

    Attributes:
        calls: Raised by the stage ``record``.
        lag: Raised by ``telemetry.lag``.
    """

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.calls = CallMetrics()
        self.lag = Histogram(LAG_BOUNDS_S)
        self._read: dict[str, Callable[[], MetricFamily]] = {}
        self._more: dict[str, Callable[[], Iterable[MetricFamily]]] = {}

    def watch(
        self,
        name: str,
        kind: Literal["counter", "gauge"],
        help_: str,
        read: Callable[[], Reading],
        label_names: tuple[str, ...] = (),
    ) -> None:
        """Show what *read* returns whenever somebody looks: a number, or numbers by label values. A later one replaces it.

        It costs nothing until then, so it suits whatever is counted elsewhere already.
        """

        def family() -> MetricFamily:
            reading = read()
            samples = (
                [Sample(labels, value) for labels, value in reading.items()]
                if isinstance(reading, Mapping)
                else [Sample((), reading)]
            )
            return MetricFamily(name, kind, help_, label_names, samples=samples)

        self._read[name] = family

    def watch_families(self, name: str, read: Callable[[], Iterable[MetricFamily]]) -> None:
        """Show whole families, whenever somebody looks; a later one of this name replaces them."""
        self._more[name] = read

    def collect(self) -> Sequence[MetricFamily]:
        """Return every family as it is now."""
        families: Iterable[MetricFamily] = (
            *self.calls.collect(),
            MetricFamily(
                "loop_lag",
                "histogram",
                "How much later than asked the event loop called back.",
                unit="seconds",
                histograms=[self.lag.sample()],
                bounds=LAG_BOUNDS_S,
            ),
            *(family() for family in self._read.values()),
            *(family for read in self._more.values() for family in read()),
        )
        return tuple(families)
