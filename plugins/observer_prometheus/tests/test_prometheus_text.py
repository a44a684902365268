"""The text, read back by Prometheus' own parser."""

import pytest
from llmlb_observer_prometheus.text import exposition
from prometheus_client.parser import text_string_to_metric_families

from llmlb_core import HistogramSample, MetricFamily, Sample


def parsed(*families):
    """Return every sample that a scrape would see, by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition(families))
        for sample in family.samples
    }


def test_counters_and_gauges_are_read_back():
    """A counter ends in total, a unit comes before that; whole numbers stay whole."""
    text = exposition(
        [
            MetricFamily("calls", "counter", "Calls.", ("model",), samples=[Sample(("a",), 3), Sample(("b",), 2**60)]),
            MetricFamily("running", "gauge", "Now.", samples=[Sample((), 1.5)]),
        ]
    )

    kinds = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert {"llmlb_calls": "counter", "llmlb_running": "gauge"} == kinds
    assert f'llmlb_calls_total{{model="b"}} {2**60}\n' in text
    assert "# HELP llmlb_running Now.\n" in text


def test_histograms_are_cumulative():
    """Each bucket holds those before it, the last one all, and the sum and count are there."""
    histogram = HistogramSample(("m",), (2, 0, 5), 12.25)

    seen = parsed(MetricFamily("wait", "histogram", "W.", ("model",), "seconds", histograms=[histogram], bounds=(0.005, 1.0)))

    assert {
        ("llmlb_wait_seconds_bucket", ("le", "0.005"), ("model", "m")): 2,
        ("llmlb_wait_seconds_bucket", ("le", "1"), ("model", "m")): 2,
        ("llmlb_wait_seconds_bucket", ("le", "+Inf"), ("model", "m")): 7,
        ("llmlb_wait_seconds_sum", ("model", "m")): 12.25,
        ("llmlb_wait_seconds_count", ("model", "m")): 7,
    } == seen


@pytest.mark.parametrize("model", ['a"b', "a\\b", "a\nb", "a\\nb", "漢字", "{x=1}", "", "a b", "#", "\\", '"} 1'])
def test_any_name_of_a_model_is_read_back(model):
    """Clients and servers choose names; none of them can write a line of its own."""
    seen = parsed(MetricFamily("calls", "counter", "C.", ("model",), samples=[Sample((model,), 1)]))

    assert {("llmlb_calls_total", ("model", model)): 1} == seen


@pytest.mark.parametrize("model", ["a\rb", "\ud800", "\0"])
def test_names_that_are_no_text_break_nothing(model):
    """They are shown as something else, on one line, in UTF-8."""
    text = exposition([MetricFamily("calls", "counter", "C.", ("model",), samples=[Sample((model,), 1)])])

    assert 3 == len(text.encode().decode().splitlines())


def test_family_without_values_is_left_out():
    """A header without a sample says nothing."""
    assert "" == exposition([MetricFamily("calls", "counter", "Calls.", ("model",))])
