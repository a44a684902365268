"""Waiting for a slot, and what ends the wait."""

from __future__ import annotations

import gc

import pytest
from llmlb_admission_fair.policy import FairAdmission
from llmlb_router_basic.least_in_flight import LeastInFlight
from llmlb_testing.yard import FakeEndpoint, Yard, make_call

from llmlb_core.domain.endpoints import Outcome, Target
from llmlb_core.errors import NoEndpoint, QueueFull, QueueTimeout
from llmlb_core.settings.sections import AdmissionSettings
from llmlb_core.stages.acquire import Acquire, Waiting


@pytest.fixture
def make_yard():
    yards = []

    def make(*endpoints, **settings):
        endpoints = endpoints or (FakeEndpoint("e1"),)
        yards.append(Yard(endpoints, LeastInFlight(), FairAdmission(), AdmissionSettings(**settings)))
        return yards[-1]

    yield make
    for yard in yards:
        yard.close()


def test_a_free_slot_is_given_at_once(make_yard):
    """Nothing is waited for, and nobody is told of a wait."""
    yard = make_yard()

    call = yard.arrive()

    assert (0.0, 0, []) == (call.lease.waited_s, call.lease.position, call.waiting)
    assert 1 == yard.endpoints["e1"].in_flight


def test_a_busy_slot_is_handed_over_in_the_same_step(make_yard):
    """05098000-E1: the waiter holds the slot before ``release`` returns; nobody can slip in."""
    yard = make_yard()
    first, second = yard.arrive(), yard.arrive()
    yard.clock.advance(2.5)

    first.lease.release(Outcome.COMPLETED)
    in_flight = yard.endpoints["e1"].in_flight
    third = yard.arrive()

    assert 1 == in_flight
    assert (2.5, 1) == (second.lease.waited_s, second.lease.position)
    assert third.is_waiting


def test_a_lease_is_given_back_once(make_yard):
    """``release`` may be called from every ``finally`` on the way."""
    yard = make_yard()
    call = yard.arrive()

    call.lease.release(Outcome.FAILED)
    call.lease.release(Outcome.COMPLETED)

    assert 0 == yard.endpoints["e1"].in_flight
    assert 0 == yard.acquire.stats().processing_count


def test_a_waiting_call_is_told_position_and_estimate(make_yard):
    """05098000-F11: mean service time × position, shared by the slots."""
    yard = make_yard(FakeEndpoint("e1", limit=2))
    for _ in range(2):
        call = yard.arrive()
        yard.clock.advance(4.0)
        call.release()
    yard.arrive()
    yard.arrive()

    waiting = [yard.arrive(), yard.arrive(), yard.arrive()]

    assert [[Waiting(1, 2.0)], [Waiting(2, 4.0)], [Waiting(3, 6.0)]] == [call.waiting for call in waiting]


def test_before_the_first_lease_came_back_there_is_no_estimate(make_yard):
    """Better none than an invented one."""
    yard = make_yard()
    yard.arrive()

    assert [Waiting(1, None)] == yard.arrive().waiting


def test_a_full_queue_is_429_with_the_estimate_as_retry_after(make_yard):
    """05098000-F5: the error names the overload and when to come back."""
    yard = make_yard(queue_size=1)
    call = yard.arrive()
    yard.clock.advance(3.2)
    call.release()
    yard.arrive()
    yard.arrive()

    refused = yard.arrive()

    assert isinstance(refused.error, QueueFull)
    assert (429, 7, {"retry_after": 7}) == (refused.error.status, refused.error.retry_after_s, refused.error.extras)
    assert "'m' is busy and 1 calls wait already" in str(refused.error)
    assert 1 == yard.acquire.stats().rejected_count


@pytest.mark.parametrize(("service_s", "retry_after_s"), [(None, 5), (0.001, 1)])
def test_retry_after_is_5_while_nothing_is_known_and_never_below_1(make_yard, service_s, retry_after_s):
    """A client that comes back at once helps nobody."""
    yard = make_yard(queue_size=0)
    if service_s is not None:
        call = yard.arrive()
        yard.clock.advance(service_s)
        call.release()
    yard.arrive()

    assert retry_after_s == yard.arrive().error.retry_after_s


def test_a_call_that_waited_in_vain_is_504(make_yard):
    """05098000-F6; and nothing of it stays behind."""
    yard = make_yard(queue_timeout_s=60)
    first, second = yard.arrive(), yard.arrive()

    yard.advance(60)

    assert isinstance(second.error, QueueTimeout)
    assert (504, {"waited_secs": 60}) == (second.error.status, second.error.extras)
    assert (0, 1) == (yard.acquire.stats().waiting_count, yard.acquire.stats().timeout_count)
    first.release()
    assert 0 == yard.endpoints["e1"].in_flight


def test_a_call_never_waits_beyond_its_own_deadline(make_yard):
    """The shorter of the two limits counts."""
    yard = make_yard(queue_timeout_s=60)
    yard.arrive()
    call = yard.arrive(deadline_s=5)

    yard.advance(5)

    assert {"waited_secs": 5} == call.error.extras


def test_a_cancelled_waiter_leaves_the_queue(make_yard):
    """05098000-F9: its place is free for another at once."""
    yard = make_yard(queue_size=1)
    first, second = yard.arrive(), yard.arrive()

    second.cancel()
    third = yard.arrive()
    first.release()

    assert third.is_served


def test_a_lease_granted_in_the_turn_of_a_cancellation_goes_to_the_next(make_yard):
    """The client left while its slot was being handed over."""
    yard = make_yard()
    first, second, third = yard.arrive(), yard.arrive(), yard.arrive()

    first.lease.release(Outcome.COMPLETED)
    second.task.cancel()
    yard.settle()

    assert second.task.cancelled()
    assert third.is_served
    assert 1 == yard.endpoints["e1"].in_flight


def test_a_waiter_cancelled_just_before_is_passed_over(make_yard):
    """The slot never goes to a task that is about to end."""
    yard = make_yard()
    first, second, third = yard.arrive(), yard.arrive(), yard.arrive()

    second.task.cancel()
    first.lease.release(Outcome.COMPLETED)
    yard.settle()

    assert (True, True, 0) == (second.task.cancelled(), third.is_served, yard.acquire.stats().waiting_count)


def test_nothing_routable_is_503_with_the_reasons(make_yard):
    """The reader learns of each endpoint why it does not count."""
    endpoint = FakeEndpoint("e1")
    endpoint.reason = "its engine crashed"
    yard = make_yard(endpoint)

    call = yard.arrive()

    assert isinstance(call.error, NoEndpoint)
    assert "No endpoint can serve 'm' now. e1: its engine crashed." == str(call.error)


def test_a_busy_model_does_not_hold_up_another(make_yard):
    """05098000-F1 as decided: a queue per set of candidates."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    for _ in range(20):
        yard.arrive(ids=["e1"], model="slow")

    call = yard.arrive(ids=["e2"], model="quick")

    assert (True, []) == (call.is_served, call.waiting)


def test_a_full_queue_refuses_nobody_who_need_not_wait(make_yard):
    """The bound is on waiting calls; a free slot is no wait, also where a busy endpoint would have done as well."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"), queue_size=1)
    yard.arrive(ids=["e1"])
    yard.arrive(ids=["e1"])

    assert yard.arrive(ids=["e1", "e2"]).lease.endpoint is yard.endpoints["e2"]


def test_a_freed_endpoint_serves_the_first_of_all_queues_that_lead_to_it(make_yard):
    """Overlapping sets of candidates do not pass one another."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    busy = yard.arrive("X", ids=["e1"])
    yard.arrive("X", ids=["e2"])
    both, one = yard.arrive("A", ids=["e1", "e2"]), yard.arrive("B", ids=["e1"])

    busy.release()

    assert (True, True) == (both.is_served, one.is_waiting)
    both.release()
    assert one.is_served


def test_an_endpoint_that_comes_back_or_grows_is_used_when_woken(make_yard):
    """``wake`` hands out every slot that is free now."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    yard.endpoints["e2"].reason = "is starting"
    yard.arrive()
    waiting = [yard.arrive() for _ in range(4)]

    yard.endpoints["e2"].reason = None
    yard.endpoints["e2"].limit = 3
    yard.acquire.wake(yard.endpoints["e2"])
    yard.settle()

    assert [True, True, True, False] == [call.is_served for call in waiting]


def test_a_slot_that_nobody_told_of_goes_to_the_waiters_first(make_yard):
    """A new call that sees it does not take it past those who wait."""
    yard = make_yard()
    yard.arrive()
    waiting = yard.arrive()

    yard.endpoints["e1"].limit = 2
    late = yard.arrive()

    assert (True, True) == (waiting.is_served, late.is_waiting)


def test_an_endpoint_that_shrinks_gets_nothing_until_there_is_room(make_yard):
    """``max_in_flight`` may change while calls run."""
    yard = make_yard(FakeEndpoint("e1", limit=2))
    running, waiting = [yard.arrive(), yard.arrive()], yard.arrive()

    yard.endpoints["e1"].limit = 1
    running[0].release()
    after_one = waiting.is_served
    running[1].release()

    assert (False, True) == (after_one, waiting.is_served)


async def test_the_first_target_with_a_routable_endpoint_is_waited_for():
    """A fallback is for what cannot be served, not for what is busy; excluded endpoints do not count."""
    main, spare = FakeEndpoint("e1"), FakeEndpoint("e2")
    targets = [Target("main", (main,)), Target("spare", (spare,))]
    acquire = Acquire(lambda _call, _target: LeastInFlight(), FairAdmission(), AdmissionSettings(queue_timeout_s=0))

    first = await acquire(make_call(), targets)
    with pytest.raises(QueueTimeout):
        await acquire(make_call(), targets)
    second = await acquire(make_call(), targets, exclude=frozenset({"e1"}))
    with pytest.raises(NoEndpoint, match="e1: was tried already; e2: was tried already"):
        await acquire(make_call(), targets, exclude=frozenset({"e1", "e2"}))

    assert ("main", "spare") == (first.target.model, second.target.model)
    first.release(Outcome.COMPLETED)
    second.release(Outcome.COMPLETED)


async def test_a_dropped_lease_is_told_and_taken_back():
    """A leak would be missing until the next start; the warning finds it in tests."""
    endpoint = FakeEndpoint("e1")
    acquire = Acquire(lambda _call, _target: LeastInFlight(), FairAdmission(), AdmissionSettings())
    lease = await acquire(make_call(), [Target("m", (endpoint,))])

    with pytest.warns(ResourceWarning, match="lease of endpoint 'e1' was dropped"):
        lease.__del__()
    del lease
    gc.collect()
    waiting = await acquire(make_call(), [Target("m", (endpoint,))])

    assert (1, 1) == (endpoint.in_flight, acquire.stats().processing_count)
    waiting.release(Outcome.COMPLETED)


def test_the_figures_are_those_of_the_last_hour(make_yard):
    """05098000: rolling; older minutes are forgotten."""
    yard = make_yard()
    first, second = yard.arrive(), yard.arrive()
    yard.advance(2)
    first.release()
    yard.advance(4)
    second.release()
    busy = yard.acquire.stats()

    yard.advance(3700)
    quiet = yard.acquire.stats()

    assert (2000.0, 3000.0) == (busy.avg_wait_time_ms, busy.avg_process_time_ms)
    assert (0.0, 0.0, 0, 0) == (quiet.avg_wait_time_ms, quiet.avg_process_time_ms, quiet.timeout_count, quiet.rejected_count)
