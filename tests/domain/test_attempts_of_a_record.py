"""Rule 10: every attempt of a call, in order, with reason and duration."""

import pytest

from llmlb_core import Attempt, Record


def told(record):
    """Return what is told of each attempt."""
    return [(each.endpoint, each.outcome, each.reason, each.rule, round(each.duration_s, 3)) for each in record.all_attempts()]


def test_a_call_that_went_well_at_once_has_one_attempt():
    """It began when the call had its lease."""
    record = Record("1", 10.0, model="m", served_by="a", choice_reason="idle", status=200, ending="finished")
    record.duration_s, record.queue_wait_s = 3.0, 1.0

    assert [Attempt("a", "completed", "", 2.0, "idle", "m", "", 200)] == record.all_attempts()
    assert 1 == record.attempt_count


def test_failed_attempts_come_before_the_one_that_served():
    """With the rule that each was made by; the last one's time begins when it began, not when the call did."""
    record = Record("1", 10.0, model="m", status=200)

    record.end_attempt(Attempt("a", "failed", "bad_gateway", 0.5, "idle", "m", "", 502))
    record.begin_attempt("failover", 10.5)
    record.end_attempt(Attempt("b", "failed", "endpoint_busy", 0.25, "next", "m", "failover", 429))
    record.begin_attempt("fallback_model", 11.0)
    record.served_by, record.served_model, record.ending, record.duration_s = "c", "n", "finished", 4.0

    assert [
        ("a", "failed", "bad_gateway", "", 0.5),
        ("b", "failed", "endpoint_busy", "failover", 0.25),
        ("c", "completed", "", "fallback_model", 3.0),
    ] == told(record)
    assert "n" == record.all_attempts()[-1].model
    assert 3 == record.attempt_count


def test_a_break_after_content_that_nothing_mended_is_told_once():
    """The stream's endpoint served it, and its attempt is among those that failed already."""
    record = Record("1", 0.0, status=200, served_by="a", ending="failed", error_code="stream_broken", duration_s=2.0)

    record.end_attempt(Attempt("a", "failed", "stream_broken", 1.5))
    record.begin_attempt("replay", 1.5)
    record.end_attempt(Attempt("b", "failed", "bad_gateway", 0.5, rule="replay"))

    assert [("a", "failed", "stream_broken", "", 1.5), ("b", "failed", "bad_gateway", "replay", 0.5)] == told(record)
    assert 2 == record.attempt_count


def test_a_break_that_nobody_noted_is_the_last_attempt():
    """What served the call broke, and no other was tried."""
    record = Record("1", 0.0, status=200, served_by="a", ending="failed", error_code="stream_broken", duration_s=2.0)

    assert [("a", "failed", "stream_broken", "", 2.0)] == told(record)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"status": 400, "ending": "finished"}, ("refused", "http_400")),
        ({"status": 200, "ending": "cancelled"}, ("cancelled", "")),
        ({"status": 504, "ending": "failed", "error_code": "deadline_exceeded"}, ("failed", "deadline_exceeded")),
    ],
)
def test_only_answers_that_went_well_are_completions(facts, expected):
    """A refusal that was passed on, a client that left and a failure are none."""
    (last,) = Record("1", 0.0, served_by="a", **facts).all_attempts()

    assert expected == (last.outcome, last.reason)


def test_what_nothing_served_has_only_its_failed_attempts():
    """None at all where the call never had a lease."""
    never, once = Record("1", 0.0, ending="failed"), Record("2", 0.0, ending="failed")
    once.end_attempt(Attempt("a", "failed", "bad_gateway", 0.1))

    assert ([], 0) == (never.all_attempts(), never.attempt_count)
    assert ([("a", "failed", "bad_gateway", "", 0.1)], 1) == (told(once), once.attempt_count)
