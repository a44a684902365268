"""From families of metrics to the text that Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from llmlb_core import HistogramSample, MetricFamily

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "llmlb_"


def exposition(families: Iterable[MetricFamily], prefix: str = _PREFIX) -> str:
    """Return the page; families without a value are left out. Names begin with *prefix*."""
    return "".join(f"{line}\n" for family in families for line in _family(family, prefix))


def _family(family: MetricFamily, prefix: str) -> Iterator[str]:
    if not family.samples and not family.histograms:
        return
    name = prefix + family.name + (f"_{family.unit}" if family.unit else "") + ("_total" if family.kind == "counter" else "")
    help_ = family.help.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} {family.kind}"
    for sample in family.samples:
        yield f"{name}{_labels(family.label_names, sample.labels)} {_number(sample.value)}"
    bounds = (*(_number(bound) for bound in family.bounds), "+Inf")
    for histogram in family.histograms:
        yield from _histogram(name, family.label_names, bounds, histogram)


def _histogram(name: str, names: Sequence[str], bounds: Sequence[str], histogram: HistogramSample) -> Iterator[str]:
    total = 0
    for bound, total in zip(bounds, accumulate(histogram.counts), strict=True):
        yield f"{name}_bucket{_labels((*names, 'le'), (*histogram.labels, bound))} {total}"
    labels = _labels(names, histogram.labels)
    yield f"{name}_sum{labels} {_number(histogram.sum)}"
    yield f"{name}_count{labels} {total}"


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)) + "}"


def _escaped(value: str) -> str:
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n").replace("\r", " ")
    return escaped.encode(errors="replace").decode()


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
