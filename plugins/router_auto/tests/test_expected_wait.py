"""What is expected of an endpoint: its pace, and what it still has to read."""

from __future__ import annotations

import pytest
from llmlb_router_auto.failing import MAX_PAIRS, Failures
from llmlb_router_auto.paces import MAX_ENDPOINTS, MAX_MODELS, MAX_UNDER_WAY, Paces
from llmlb_router_auto.waits import ExpectedWait, WithinReach
from llmlb_testing.calls import candidates, make_call

from llmlb_core import UNKNOWN, Attempt, Record


def ended(endpoint, seconds, *, size=1000, model="m", at=1000.0, **others):
    record = Record("r", at - seconds, model=model, served_by=endpoint, bytes_in=size, ending="finished", **others)
    record.first_token_s = record.duration_s = seconds
    return record


def call(size=1000, at=1000.0, **others):
    return make_call(body=b"x" * size, received_at=at, **others)


@pytest.fixture
def paces():
    return Paces(2.0)


def waits(paces, asked, in_flight=(0, 0)):
    offered = candidates(len(in_flight))
    for each, count in zip(offered, in_flight, strict=True):
        each.in_flight = count
    return [ExpectedWait(paces).score(asked, each) for each in offered]


def test_a_slow_endpoint_is_expected_to_be_slow(paces):
    """Three times as slow is told apart, to within what chance could be."""
    for _ in range(30):
        paces.on_end(ended("e0", 0.1))
        paces.on_end(ended("e1", 0.3))

    fast, slow = waits(paces, call())

    assert 0.08 < fast < 0.15
    assert slow > 2 * fast


def test_long_prompts_do_not_make_an_endpoint_slow(paces):
    """Each call is compared with calls of its own size: whoever got the long ones is as fast as the others."""
    for _ in range(10):
        for name in ("e0", "e1"):
            paces.on_end(ended(name, 0.1, size=1_000))
            paces.on_end(ended(name, 2.0, size=60_000))
    for _ in range(30):
        paces.on_end(ended("e1", 2.0, size=60_000))

    first, second = waits(paces, call())

    assert second == pytest.approx(first, rel=0.1)


def test_waiting_in_our_own_queue_is_not_the_endpoints_fault(paces):
    """Neither are attempts at other endpoints."""
    for _ in range(20):
        paces.on_end(ended("e0", 0.1))
        record = ended("e1", 10.1, queue_wait_s=6.0)
        record.attempts.append(Attempt("e9", "failed", "bad_gateway", 4.0))
        paces.on_end(record)

    first, second = waits(paces, call())

    assert second == pytest.approx(first, rel=0.01)


def test_what_was_sent_before_is_read_before(paces):
    """A long prompt makes the next call wait, as long as it takes to read it; other endpoints are not touched."""
    for _ in range(20):
        for name in ("e0", "e1"):
            paces.on_end(ended(name, 0.1, stream=True))
            paces.on_end(ended(name, 4.0, size=60_000, stream=True))
    long, scorer, (first, _) = call(60_000, stream=True), ExpectedWait(paces), candidates(2)

    scorer.scores(long, [first])
    scorer.chosen(long, first)

    assert waits(paces, call(stream=True), (1, 1)) == pytest.approx([4.1, 0.1], rel=0.05)
    assert waits(paces, call(at=1003.0, stream=True), (1, 1)) == pytest.approx([1.1, 0.1], rel=0.05)
    assert waits(paces, call(at=1010.0, stream=True), (1, 1)) == pytest.approx([0.1, 0.1], rel=0.05)


def test_an_idle_endpoint_has_nothing_left_to_read(paces):
    """Whatever was estimated: nothing runs there."""
    for _ in range(20):
        paces.on_end(ended("e0", 4.0, stream=True))
    asked, (first,) = call(stream=True), candidates(1)
    ExpectedWait(paces).chosen(asked, first)

    assert waits(paces, call(stream=True), (0,)) == pytest.approx([4.0], rel=0.01)


def test_a_new_endpoint_is_unknown_and_so_tried(paces):
    """It goes on with the best; once a call runs there, it is taken to be as fast as is usual."""
    for _ in range(20):
        paces.on_end(ended("e0", 0.1))
    ExpectedWait(paces).chosen(call(), candidates(2)[1])

    assert UNKNOWN == waits(paces, call())[1]
    assert waits(paces, call(at=1010.0), (0, 1))[1] == pytest.approx(0.1, rel=0.01)


def test_an_endpoint_that_served_nothing_for_long_is_tried_again(paces):
    """What was learned half a minute ago may not be true any more; with a call there, it still counts."""
    for _ in range(20):
        paces.on_end(ended("e0", 0.1))
        paces.on_end(ended("e1", 0.3))
    for second in range(40):
        paces.on_end(ended("e0", 0.1, at=1000.0 + second))

    assert UNKNOWN == waits(paces, call(at=1040.0))[1]
    assert waits(paces, call(at=1040.0), (0, 1))[1] > 0.15


def test_endpoints_beyond_reach_are_left_out_while_others_have_slots(paces):
    """Twice as slow is beyond reach here; where only such are free, they serve."""
    for second in range(30):
        for name, seconds in (("e0", 0.1), ("e1", 0.12), ("e2", 0.5)):
            paces.on_end(ended(name, seconds, at=1000.0 + second))
    offered, reach = candidates(3), WithinReach(paces)

    assert [0, 1] == [each.position for each in reach.keep(call(), offered)]
    assert offered[2:] == reach.keep(call(), offered[2:])
    assert "times as slow as the fastest endpoint" in reach.why_not(call(), offered[2])


def test_memory_has_bounds(paces):
    """Models, endpoints, calls under way and failing pairs come and go for ever."""
    failures = Failures(5, 300)
    for number in range(MAX_UNDER_WAY + 100):
        paces.will_wait(f"c{number}", 1.0)
        paces.on_end(ended(f"e{number}", 0.1, model=f"m{number % (MAX_MODELS + 10)}"))
        failed = Record("r", 0.0, model=f"m{number}")
        failed.attempts.append(Attempt("e", "failed", "bad_gateway", 0.1))
        failures.on_end(failed)

    assert MAX_ENDPOINTS == len(paces.by_name)
    assert MAX_MODELS == len(paces._usual)
    assert MAX_UNDER_WAY == len(paces._waits)
    assert MAX_PAIRS == len(failures.asides)
