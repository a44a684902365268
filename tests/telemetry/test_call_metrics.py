"""The cells that calls raise."""

import pytest

from llmlb_core import Record, Usage
from llmlb_core.telemetry.calls import MAX_REASONS, CallMetrics
from llmlb_core.telemetry.cells import LATENCY_BOUNDS_S, Histogram
from llmlb_core.telemetry.metrics import Metrics


def record(**facts):
    """Return a finished call."""
    known = {"operation": "chat", "model": "m", "served_by": "e", "status": 200, "ending": "finished", "duration_s": 0.02}
    return Record("req-1", 0.0, **{**known, **facts})


def family(metrics, name):
    """Return one family by name."""
    return next(each for each in metrics.collect() if each.name == name)


def values(metrics, name):
    """Return the values of a counter or gauge by labels."""
    return {sample.labels: sample.value for sample in family(metrics, name).samples}


def test_calls_are_counted_by_what_they_were_and_how_they_ended():
    """Each label set has a number of its own (589f2df1-F11)."""
    calls = CallMetrics()

    for facts in ({}, {}, {"status": 502, "ending": "failed"}, {"served_by": "other server"}):
        calls.note(record(**facts))

    assert {
        ("chat", "m", "e", "200", "finished"): 2,
        ("chat", "m", "e", "502", "failed"): 1,
        ("chat", "m", "other server", "200", "finished"): 1,
    } == values(calls, "calls")


def test_tokens_are_added_up_by_model_over_operations():
    """Prompt, completion, cached and reasoning; kinds that never occurred are not shown."""
    calls = CallMetrics()

    calls.note(record(usage=Usage(10, 5, cached_tokens=3)))
    calls.note(record(operation="response", usage=Usage(1, 2)))
    calls.note(record(usage=None))

    assert {("prompt", "m", "reported"): 11, ("completion", "m", "reported"): 7, ("cached", "m", "reported"): 3} == values(
        calls, "tokens"
    )


def test_times_of_calls_that_nobody_served_are_only_durations():
    """They had no lease and no first token; their zeros would make the queue look fast."""
    calls = CallMetrics()

    calls.note(record(served_by="", status=429, ending="failed", queue_wait_s=0.0, first_token_s=None))
    calls.note(record(queue_wait_s=0.3, first_token_s=0.4))

    counts = {name: sum(family(calls, name).histograms[0].counts) for name in ("call_duration", "queue_wait", "first_token")}
    assert {"call_duration": 2, "queue_wait": 1, "first_token": 1} == counts


def test_histograms_that_are_raised_in_place_agree_with_observe():
    """The hot path does not call ``observe``; it must count the same."""
    calls, expected = CallMetrics(), Histogram()
    seconds = [0.0, 0.001, *LATENCY_BOUNDS_S, 0.0051, 77.0, 1000.0]

    for each in seconds:
        calls.note(record(duration_s=each, queue_wait_s=each, first_token_s=each))
        expected.observe(each)

    for name in ("call_duration", "queue_wait", "first_token"):
        sample = family(calls, name).histograms[0]
        assert (tuple(expected.counts), expected.sum) == (sample.counts, sample.sum), name


@pytest.mark.parametrize("code", ["model_not_found", "unknown_prefix"])
def test_names_that_strangers_write_are_not_labels(code):
    """A thousand invented models are one series, and take no place in memory."""
    calls = CallMetrics(max_series=10)

    for number in range(1000):
        calls.note(record(model=f"invented-{number}", served_by="", status=404, ending="failed", error_code=code))

    assert {("chat", "", "", "404", "failed"): 1000} == values(calls, "calls")
    assert 1 == len(calls._series)


def test_label_sets_beyond_the_limit_are_counted_as_other():
    """No call is lost, the first ones keep their series, and memory does not grow."""
    calls = CallMetrics(max_series=10)

    for number in range(1000):
        calls.note(record(model=f"model-{number}", usage=Usage(1, 0)))
    calls.note(record(model="model-3"))

    counted = values(calls, "calls")
    assert 1001 == sum(counted.values())
    assert 2 == counted["chat", "model-3", "e", "200", "finished"]
    assert 990 == counted["chat", "other", "other", "200", "finished"]
    assert 990 == values(calls, "tokens")["prompt", "other", "reported"]
    assert 11 == len(calls._series)


def test_watched_numbers_are_read_when_somebody_looks():
    """A number, or numbers by label; whoever watches the same name later wins."""
    metrics, running = Metrics(), {"count": 3}
    metrics.watch("calls_running", "gauge", "Old.", lambda: 99)
    metrics.watch("calls_running", "gauge", "Calls that run now.", lambda: running["count"])
    metrics.watch("instances", "gauge", "By state.", lambda: {("ready",): 2, ("failed",): 1}, ("state",))

    running["count"] = 5

    assert {(): 5} == values(metrics, "calls_running")
    assert {("ready",): 2, ("failed",): 1} == values(metrics, "instances")
    assert len({each.name for each in metrics.collect()}) == len(metrics.collect())


def test_answered_calls_are_counted_by_endpoint_and_reason():
    """589f2df1: why each was chosen; what nobody served was no choice, and ``calls`` is not split by it."""
    calls = CallMetrics()

    for facts in ({"choice_reason": "idle"}, {"choice_reason": "idle"}, {"choice_reason": "next in turn"}, {"served_by": ""}):
        calls.note(record(**facts))

    assert {("e", "idle"): 2, ("e", "next in turn"): 1} == calls.selections()
    assert {("chat", "m", "e", "200", "finished"): 3, ("chat", "m", "", "200", "finished"): 1} == values(calls, "calls")


def test_reasons_that_are_made_up_for_each_call_take_bounded_memory():
    """A plugin's router may say anything; nothing is lost of the counts."""
    calls = CallMetrics()

    for number in range(1000):
        calls.note(record(choice_reason=f"score {number}"))

    assert len(calls.selections()) <= MAX_REASONS + 1
    assert 1000 == sum(calls.selections().values())
    assert {("chat", "m", "e", "200", "finished"): 1000} == values(calls, "calls")
