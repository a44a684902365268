"""What calls of providers come to: counts, seconds and dollars (4b6e9f2a-F6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from llmlb_core.clouds.clouds import Clouds
from llmlb_core.contracts.cloud import Price
from llmlb_core.contracts.metrics import MetricFamily
from llmlb_core.domain.records import Record
from llmlb_core.domain.results import Usage
from llmlb_core.telemetry.cells import Counter, Histogram
from llmlb_core.telemetry.metrics import Metrics

BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MOST_SERIES = 2000
"""Clients choose names of models: what comes beyond is counted under the model ``other``."""
_MILLION = 1_000_000
_SIGN = "cloud:"
_DATED = re.compile(r"(-?\d{4}[-\d]*|-latest|-preview|-\d{3})?")


class CloudMetrics:
    """Told of finished calls in batches, off their path."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._clouds: Clouds | None = None
        self._calls: dict[tuple[str, str, str], Counter] = {}
        self._seconds: dict[str, Histogram] = {}
        self._dollars: dict[tuple[str, str], Counter] = {}

    def use(self, clouds: Clouds, metrics: Metrics) -> None:
        """Know prices by *clouds*, and show everything in *metrics*."""
        self._clouds = clouds
        metrics.watch_families("clouds", self.collect)

    def note(self, records: Sequence[Record]) -> None:
        """Count those that a provider was asked for; where none can be, that costs nothing."""
        if self._clouds is None or not self._clouds.is_used:
            return
        for record in records:
            endpoint = record.served_by or (record.attempts[-1].endpoint if record.attempts else "")
            if endpoint.startswith(_SIGN):
                self._note(record, endpoint.removeprefix(_SIGN).partition("/")[0])

    def collect(self) -> Iterator[MetricFamily]:
        """Return three families; those that nothing was counted for are empty."""
        calls = [cell.sample() for cell in self._calls.values()]
        yield MetricFamily(
            "cloud_requests", "counter", "Calls of providers, by answer.", ("provider", "model", "status"), samples=calls
        )
        yield MetricFamily(
            "cloud_latency",
            "histogram",
            "How long calls of providers took.",
            ("provider",),
            unit="seconds",
            histograms=[cell.sample() for cell in self._seconds.values()],
            bounds=BOUNDS_S,
        )
        dollars = [cell.sample() for cell in self._dollars.values()]
        yield MetricFamily(
            "cloud_cost_dollars",
            "counter",
            "What calls cost, by the prices that are known.",
            ("provider", "model"),
            samples=dollars,
        )

    def _note(self, record: Record, provider: str) -> None:
        model = (record.served_model or record.model).partition(":")[2]
        key = (provider, model, str(record.status))
        if key not in self._calls and len(self._calls) >= MOST_SERIES:
            key = (provider, "other", str(record.status))
        cell = self._calls.get(key)
        if cell is None:
            cell = self._calls[key] = Counter(key)
        cell.value += 1
        seconds = self._seconds.get(provider)
        if seconds is None:
            seconds = self._seconds[provider] = Histogram(BOUNDS_S, (provider,))
        seconds.observe(record.duration_s)
        cloud = None if self._clouds is None else self._clouds.all.get(provider)
        price = None if cloud is None else price_of(cloud.prices, model)
        if price is not None and record.usage is not None:
            pair = (provider, key[1])
            paid = self._dollars.get(pair)
            if paid is None:
                paid = self._dollars[pair] = Counter(pair)
            paid.value += cost_of(price, record.usage)


def price_of(prices: Mapping[str, Price], model: str) -> Price | None:
    """Return the price of *model*: that of the longest name that its own is, but for a date or a word for the newest."""
    names = [name for name in prices if model.startswith(name) and _DATED.fullmatch(model[len(name) :])]
    return prices[max(names, key=len)] if names else None


def cost_of(price: Price, usage: Usage) -> float:
    """Return US dollars."""
    cached, written = usage.cached_tokens, usage.cache_written_tokens
    fresh = max(0, usage.prompt_tokens - cached - written)
    per_million = (
        fresh * price.input
        + cached * (price.input if price.cached is None else price.cached)
        + written * (price.input if price.cache_write is None else price.cache_write)
        + usage.completion_tokens * price.output
    )
    return per_million / _MILLION
