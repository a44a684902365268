"""Routers and policies that do what they must not."""

from __future__ import annotations

import pytest
from llmlb_admission_fair.policy import FairAdmission
from llmlb_router_basic.least_in_flight import LeastInFlight
from llmlb_testing.yard import FakeEndpoint, Yard

from llmlb_core.contracts.admission import AdmissionPolicy, Admit, Reject, Wait
from llmlb_core.contracts.router import Router
from llmlb_core.domain.endpoints import Candidate, Choice, Target
from llmlb_core.errors import InternalError, QueueFull


class Scripted(Router):
    """Does what the principal's id says; else takes the first candidate."""

    name = "scripted"

    def choose(self, call, candidates):
        match call.principal.id:
            case "raises":
                raise ZeroDivisionError("secret detail")
            case "foreign":
                first = candidates[0]
                return Choice(Candidate(first.endpoint, Target("m", ()), 0, 9, 0), "mine")
            case "nonsense":
                return "e1"
            case "refused":
                return None
        return Choice(candidates[0], "first")


class Odd(AdmissionPolicy):
    """Answers what it was made with; fails to be told anything."""

    name = "odd"

    def __init__(self, verdict):
        self.verdict = verdict

    def decide(self, call, load):
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict

    def granted(self, waiter):
        raise RuntimeError("granted")

    def left(self, waiter):
        raise RuntimeError("left")


@pytest.fixture
def make_yard():
    yards = []

    def make(router, policy, *endpoints):
        yards.append(Yard(endpoints or (FakeEndpoint("e1"),), router, policy))
        return yards[-1]

    yield make
    for yard in yards:
        yard.close()


@pytest.mark.parametrize("fault", ["raises", "foreign", "nonsense"])
def test_a_faulty_router_costs_one_call_and_no_slot(make_yard, fault):
    """At once or at hand-over: the call is answered 500, the slot goes to the next, the fault is counted."""
    yard = make_yard(Scripted(), FairAdmission())

    busy, waiting, behind = yard.arrive("A"), yard.arrive(fault), yard.arrive("B")
    busy.release()
    was_served = behind.is_served
    behind.release()
    at_once = yard.arrive(fault)

    assert was_served
    assert isinstance(waiting.error, InternalError)
    assert isinstance(at_once.error, InternalError)
    assert 0 == yard.endpoints["e1"].in_flight
    assert {"router 'scripted'": 2} == yard.acquire.fault_counts
    assert "secret detail" not in str(at_once.error)


def test_a_refused_waiter_is_not_passed_by_a_new_call(make_yard):
    """Where a router refuses a free slot to a waiter, a newcomer is offered it after that waiter, not instead of it."""
    yard = make_yard(Scripted(), FairAdmission())

    refused, other = yard.arrive("refused"), yard.arrive("A")

    assert (True, True) == (refused.is_waiting, other.is_served)


def test_a_refused_waiter_times_out(make_yard):
    """It does not wait for ever."""
    yard = make_yard(Scripted(), FairAdmission())
    refused = yard.arrive("refused")

    yard.advance(60)

    assert 504 == refused.error.status


@pytest.mark.parametrize("verdict", [ValueError("x"), None, Wait("soon"), Wait(float("nan"))])
def test_a_faulty_policy_costs_one_call(make_yard, verdict):
    """It is never a lost slot or a spoiled order."""
    yard = make_yard(LeastInFlight(), Odd(verdict))

    call = yard.arrive()

    assert isinstance(call.error, InternalError)
    assert {"admission policy 'odd'": 1} == yard.acquire.fault_counts
    assert (0, 0) == (yard.endpoints["e1"].in_flight, yard.acquire.stats().waiting_count)


def test_a_policy_that_rejects_is_429(make_yard):
    """With its own ``Retry-After``, rounded up."""
    yard = make_yard(LeastInFlight(), Odd(Reject(2.1)))

    call = yard.arrive()

    assert isinstance(call.error, QueueFull)
    assert 3 == call.error.retry_after_s


def test_a_policy_that_admits_where_nothing_is_free_means_wait(make_yard):
    """No verdict makes a slot; what it raises when told is noted only."""
    yard = make_yard(LeastInFlight(), Odd(Admit()))
    first, second, third = yard.arrive(), yard.arrive(), yard.arrive()

    second.cancel()
    first.release()

    assert third.is_served
    assert {"admission policy 'odd'": 2} == yard.acquire.fault_counts


def test_a_policy_that_lets_a_call_wait_beside_a_free_slot_delays_nobody(make_yard):
    """Work conserving: the slot is handed over in the same step."""
    yard = make_yard(LeastInFlight(), Odd(Wait(1.0)))

    call = yard.arrive()

    assert (0.0, []) == (call.lease.waited_s, call.waiting)
