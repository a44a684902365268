"""Endpoints at which a model's calls fail are set aside, for this model, for a while."""

from __future__ import annotations

import pytest
from llmlb_router_auto.failing import FAULTS, Failures, NotFailing
from llmlb_testing.calls import candidates, make_call

from llmlb_core import Attempt, Record


@pytest.fixture
def failures():
    return Failures(5.0, 300.0)


def fail(failures, endpoint="e0", *, model="m", at=1000.0, reason="bad_gateway"):
    record = Record("r", at, model=model, served_by="e9", ending="finished")
    record.attempts.append(Attempt(endpoint, "failed", reason, 0.1))
    failures.on_end(record)


def succeed(failures, endpoint="e0", at=1000.0):
    failures.on_end(Record("r", at, model="m", served_by=endpoint, ending="finished"))


def kept(failures, at, *, model="m", in_flight=0):
    offered = candidates(2, model=model)
    offered[0].in_flight = in_flight
    return [each.endpoint.name for each in NotFailing(failures).keep(make_call(model=model, received_at=at), offered)]


def test_the_first_failure_sets_the_model_aside_at_that_endpoint(failures):
    """At once, and for this model only (93536000-F12, F23)."""
    fail(failures)

    assert ["e1"] == kept(failures, 1001.0)
    assert ["e0", "e1"] == kept(failures, 1001.0, model="other")


def test_after_a_while_one_call_is_sent_there(failures):
    """While it runs there is no second one."""
    fail(failures)

    assert ["e0", "e1"] == kept(failures, 1006.0)
    assert ["e1"] == kept(failures, 1006.0, in_flight=1)


def test_a_success_ends_it(failures):
    """The next failure begins anew with the shortest time."""
    fail(failures)
    succeed(failures)
    fail(failures, at=1100.0)

    assert ["e0", "e1"] == kept(failures, 1106.0)


def test_each_failure_in_a_row_doubles_the_time(failures):
    """Up to the longest."""
    at = 1000.0
    lengths = []
    for _ in range(9):
        fail(failures, at=at)
        until = failures.asides["e0", "m"].until
        lengths.append(until - at)
        at = until

    assert [5, 10, 20, 40, 80, 160, 300, 300, 300] == lengths


def test_calls_that_fail_together_count_once(failures):
    """A crash under ten calls is one crash."""
    for _ in range(10):
        fail(failures)

    assert 1 == failures.asides["e0", "m"].count


def test_where_all_fail_all_are_tried(failures):
    """A filter that only prefers leaves nobody without an endpoint."""
    fail(failures)
    fail(failures, "e1")

    assert ["e0", "e1"] == kept(failures, 1001.0)


def test_an_answer_that_was_cut_counts(failures):
    """It had begun, so there was no second attempt."""
    failures.on_end(Record("r", 1000.0, model="m", served_by="e0", ending="failed", error_code="endpoint_timeout"))

    assert ["e1"] == kept(failures, 1001.0)


@pytest.mark.parametrize("reason", ["endpoint_busy", "context_length_exceeded", "invalid_value", "queue_timeout"])
def test_what_is_not_the_endpoints_fault_does_not_count(failures, reason):
    """A wrong request, or too many of them."""
    fail(failures, reason=reason)

    assert reason not in FAULTS
    assert ["e0", "e1"] == kept(failures, 1001.0)


def test_it_can_be_turned_off():
    """``set_aside_s = 0``."""
    failures = Failures(0.0, 300.0)
    fail(failures)

    assert ["e0", "e1"] == kept(failures, 1000.0)


def test_it_is_told_why(failures):
    """In explanations."""
    fail(failures)
    fail(failures, at=1010.0)

    told = NotFailing(failures).why_not(make_call(received_at=1013.0), candidates(1)[0])

    assert "failed 2 times in a row, last with bad_gateway; set aside for 7 s more" == told


def test_a_warning_is_logged_each_time_it_is_set_aside(failures, caplog):
    """Once, not once a call (93536000-L1)."""
    fail(failures)
    fail(failures)

    assert ["endpoint_set_aside"] == [record.message for record in caplog.records]
