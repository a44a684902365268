"""Attempts, recoveries and ends of streams, as a scrape shows them."""

import pytest

from llmlb_core import Attempt, Record, Usage
from llmlb_core.telemetry.attempts import MAX_WORDS
from llmlb_core.telemetry.calls import CallMetrics


def record(*attempts, rule="", **facts):
    """Return a finished call, served after *attempts* because of *rule*."""
    known = {"operation": "chat", "model": "m", "served_by": "b", "status": 200, "ending": "finished", "stream": True}
    made = Record("req-1", 0.0, **{**known, **facts})
    for each in attempts:
        made.end_attempt(each)
    if rule:
        made.begin_attempt(rule, 0.0)
    return made


def values(calls, name):
    """Return the values of a counter by labels."""
    family = next(each for each in calls.collect() if each.name == name)
    return {sample.labels: sample.value for sample in family.samples}


def test_failed_attempts_are_counted_and_are_no_completions():
    """Rule 10: the call counts once, whatever was tried for it; attempts have a counter of their own."""
    calls = CallMetrics()

    calls.note(
        record(),
        record(Attempt("a", "failed", "bad_gateway", 0.1), rule="failover"),
        record(Attempt("a", "failed", "bad_gateway", 0.1), served_by="", status=502, ending="failed", error_code="bad_gateway"),
        record(status=400),
        record(ending="cancelled", first_token_s=0.1),
    )

    assert {
        ("a", "failed", "bad_gateway"): 2,
        ("b", "completed", ""): 2,
        ("b", "refused", "http_400"): 1,
        ("b", "cancelled", ""): 1,
    } == values(calls, "attempts")
    assert 5 == sum(values(calls, "calls").values())


def test_further_attempts_are_counted_by_rule_and_how_they_ended():
    """One that failed as well as the one that served."""
    calls = CallMetrics()

    calls.note(
        record(
            Attempt("a", "failed", "bad_gateway", 0.1),
            Attempt("a", "failed", "bad_gateway", 0.1, rule="retry_same"),
            rule="fallback_model",
        )
    )

    assert {("retry_same", "failed"): 1, ("fallback_model", "completed"): 1} == values(calls, "recoveries")


@pytest.mark.parametrize(
    ("call", "end"),
    [
        (record(), "finished"),
        (record(Attempt("a", "failed", "bad_gateway", 0.1), rule="failover"), "finished"),
        (record(Attempt("a", "failed", "stream_broken", 0.1), rule="replay"), "finished_by_replay"),
        (record(ending="failed", first_token_s=0.1, error_code="stream_broken"), "broken_in_band"),
        (record(ending="failed", served_by="", status=502), "failed"),
        (record(ending="cancelled"), "cancelled"),
    ],
)
def test_streams_are_counted_by_how_they_ended(call, end):
    """Each once, by kind."""
    calls = CallMetrics()

    calls.note(call)

    assert {(end,): 1} == values(calls, "streams")


def test_plain_answers_are_no_streams():
    """However they ended."""
    calls = CallMetrics()

    calls.note(record(stream=False), record(stream=False, ending="failed"))

    assert {} == values(calls, "streams")


def test_labels_of_attempts_are_bounded():
    """Endpoints, reasons and rules that are made up for each call end as ``other``; no count is lost."""
    calls = CallMetrics(max_series=10)

    for number in range(200):
        calls.note(record(Attempt(f"e{number}", "failed", f"code {number}", 0.1, rule=f"rule {number}"), rule="failover"))

    attempts, recoveries = values(calls, "attempts"), values(calls, "recoveries")
    assert 400 == sum(attempts.values())
    assert 12 >= len({endpoint for endpoint, _, _ in attempts})
    assert MAX_WORDS + 2 >= len({reason for _, _, reason in attempts})
    assert 400 == sum(recoveries.values())
    assert MAX_WORDS + 2 >= len(recoveries)


def test_counted_tokens_are_told_apart_from_reported_ones():
    """Rule 10: whether usage was reported or counted."""
    calls = CallMetrics()

    calls.note(record(usage=Usage(3, 4)), record(usage=Usage(completion_tokens=5, is_counted=True)))

    assert {
        ("prompt", "m", "reported"): 3,
        ("completion", "m", "reported"): 4,
        ("completion", "m", "counted"): 5,
    } == values(calls, "tokens")
