"""Who is served before whom."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llmlb_admission_fair.policy import MAX_REMEMBERED, FairAdmission
from llmlb_testing.yard import FakeEndpoint, Yard, make_call

from llmlb_core import Admit, Load, Wait, Waiter
from llmlb_core.settings.sections import AdmissionSettings


def make_yard(*endpoints, **admission):
    chosen = endpoints or (FakeEndpoint("e1"),)
    return Yard(chosen, policy=FairAdmission(), settings=AdmissionSettings(queue_size=1000, **admission))


def serve_all(yard):
    """Serve one call after the other; return the principals in order."""
    order = []
    while yard.served():
        call = yard.served()[0]
        order.append(call.principal)
        call.release()
    return order


@pytest.mark.parametrize("is_busy", [False, True])
def test_callers_take_turns(is_busy):
    """05098000-E6: A×5 and B×2 arriving together are served A B A B A A A, whether or not a slot was free."""
    yard = make_yard()
    busy = yard.arrive("X") if is_busy else None
    for principal in "AAAAABB":
        yard.arrive(principal)
    if busy:
        busy.release()

    order = serve_all(yard)

    assert "ABABAAA" == "".join(order)
    yard.close()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=40))
def test_turns_are_fair_whatever_the_order_of_arrival(principals):
    """While two principals both wait, neither is more than one call ahead of the other."""
    yard = make_yard()
    yard.arrive("X")
    for principal in principals:
        yard.arrive(principal)
    left, served = Counter(principals), Counter()

    for principal in serve_all(yard)[1:]:
        served[principal] += 1
        left[principal] -= 1
        counts = [served[each] for each in "ABCD" if left[each] > 0]
        assert not counts or max(counts) - min(counts) <= 1
        assert not counts or served[principal] - min(counts) <= 1
    yard.close()


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([0.25, 0.5, 2.0, 3.0]))
def test_weights_are_shares(weight):
    """Both always have calls waiting: B gets *weight* times as many as A, to within one turn each."""
    yard = make_yard(weights={"B": weight})
    yard.arrive("X")
    for _ in range(60):
        yard.arrive("A")
        yard.arrive("B")

    counts = Counter(serve_all(yard)[1:41])

    assert abs(counts["A"] - counts["B"] / weight) <= 1 + 1 / weight
    yard.close()


def test_a_weight_may_be_given_by_name_or_by_the_principal():
    """Settings by id first, then by name, then what the authenticator says."""
    seen = []

    class Spy(FairAdmission):
        def decide(self, call, load):
            seen.append(load.weight)
            return super().decide(call, load)

    yard = Yard([FakeEndpoint("e1", 9)], policy=Spy(), settings=AdmissionSettings(weights={"key:1": 2, "": 3}))

    yard.arrive("key:1", weight=5)
    yard.arrive("key:2", weight=5)

    assert [2, 3] == seen
    yard.close()


def test_calls_of_one_principal_are_served_as_they_came():
    """First in, first out."""
    yard = make_yard()
    yard.arrive("X")
    calls = [yard.arrive("A") for _ in range(5)]

    numbers = []
    while yard.served():
        call = yard.served()[0]
        numbers.append(call.number)
        call.release()

    assert [call.number for call in calls] == numbers[1:]
    yard.close()


def test_a_newcomer_does_not_wait_for_a_backlog():
    """B comes when A has had 20 turns and 30 calls wait: it is next but one at most."""
    yard = make_yard()
    for _ in range(51):
        yard.arrive("A")
    for _ in range(20):
        yard.served()[0].release()
    newcomer = yard.arrive("B")

    yard.served()[0].release()
    yard.served()[0].release()

    assert newcomer.lease is not None
    yard.close()


def test_a_newcomer_does_not_hold_up_those_who_were_served_before():
    """Being away saves up nothing: A and B take turns from here on."""
    yard = make_yard()
    for _ in range(51):
        yard.arrive("A")
    for _ in range(20):
        yard.served()[0].release()
    for _ in range(10):
        yard.arrive("B")

    order = serve_all(yard)[1:21]

    assert Counter({"A": 10, "B": 10}) == Counter(order)
    yard.close()


def test_what_was_used_while_nobody_waited_is_not_held_against_anyone():
    """A thousand calls on idle slots cost one turn, not a thousand."""
    yard = make_yard()
    for _ in range(100):
        yard.arrive("A").release()
    yard.arrive("X")
    for principal in "AABB":
        yard.arrive(principal)

    order = serve_all(yard)[1:]

    assert "BABA" == "".join(order)
    yard.close()


def test_giving_up_costs_nothing():
    """A client that cancelled all its calls stands where a newcomer stands."""
    yard = make_yard()
    yard.arrive("X")
    for call in [yard.arrive("A") for _ in range(10)]:
        call.cancel()
    yard.arrive("B")
    yard.arrive("B")
    yard.arrive("A")

    order = serve_all(yard)[1:]

    assert "BAB" == "".join(order)
    yard.close()


def test_a_queue_of_another_model_costs_no_turn():
    """A's backlog at one endpoint does not delay A at another."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    for _ in range(20):
        yard.arrive("A", ["e1"])
    yard.arrive("X", ["e2"])
    mine = yard.arrive("A", ["e2"])
    yard.arrive("B", ["e2"])

    next(call for call in yard.served() if call.lease.endpoint.id == "e2").release()

    assert mine.is_served
    yard.close()


def test_nobody_starves_beside_a_wider_queue():
    """A call that only one endpoint will do for is served, however many come that either would do for."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    for _ in range(20):
        yard.arrive("A", ["e1", "e2"])
        yard.arrive("B", ["e1", "e2"])
    narrow = yard.arrive("C", ["e1"])
    turns = 0

    while narrow.is_waiting and turns < 20:
        yard.served()[0].release()
        yard.arrive("A", ["e1", "e2"])
        yard.arrive("B", ["e1", "e2"])
        turns += 1

    assert narrow.is_served
    assert turns <= 6
    yard.close()


def test_nobody_starves_beside_a_narrower_queue():
    """Nor the other way round."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    for _ in range(10):
        yard.arrive("A", ["e1"])
        yard.arrive("A", ["e2"])
    wide = yard.arrive("C", ["e1", "e2"])
    turns = 0

    while wide.is_waiting and turns < 20:
        yard.served()[0].release()
        yard.arrive("A", ["e1"])
        yard.arrive("B", ["e2"])
        turns += 1

    assert wide.is_served
    assert turns <= 6
    yard.close()


def test_idle_principals_take_bounded_memory():
    """The longest away is forgotten."""
    policy = FairAdmission()
    free = Load(0, 100, 1, False, None, queue="q")
    busy = Load(0, 100, 0, False, None, queue="q")

    for number in range(MAX_REMEMBERED + 100):
        assert isinstance(policy.decide(make_call(f"k{number}"), free), Admit)
    for number in range(MAX_REMEMBERED + 100):
        call = make_call(f"w{number}")
        verdict = policy.decide(call, busy)
        assert isinstance(verdict, Wait)
        policy.granted(Waiter(call, verdict.sort_key, "q"))

    assert policy.remembered_count == MAX_REMEMBERED


def test_the_plugin_contributes_the_policy():
    """Under the name that settings use."""
    import llmlb_admission_fair

    assert ["fair"] == [policy.name for policy in llmlb_admission_fair.llmlb_routers()]
