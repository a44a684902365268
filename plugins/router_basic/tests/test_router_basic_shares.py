"""Who gets how many calls."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_router_basic.least_in_flight import LeastInFlight
from llmlb_router_basic.rotation import MAX_TARGETS, Rotation
from llmlb_router_basic.round_robin import RoundRobin
from llmlb_testing.yard import FakeEndpoint, Yard, make_call

from llmlb_core import Candidate, Target

both = pytest.mark.parametrize("router", [RoundRobin, LeastInFlight])


def candidates(in_flight, model="m"):
    target = Target(model, tuple(FakeEndpoint(f"e{index}", 99) for index in range(len(in_flight))))
    return [Candidate(target.endpoints[index], target, count, 99, index) for index, count in enumerate(in_flight)]


@both
def test_calls_one_after_the_other_spread_evenly(router):
    """Nine calls over three idle endpoints: three each (63acef08-S1)."""
    endpoints = [FakeEndpoint(f"e{index}") for index in range(3)]
    yard = Yard(endpoints, router())

    for _ in range(9):
        yard.arrive().release()

    assert [3, 3, 3] == [endpoint.served_count for endpoint in endpoints]
    yard.close()


@given(count=st.integers(2, 5), picks=st.lists(st.integers(0, 99), min_size=300, max_size=300))
def test_round_robin_shares_are_within_5_percent_whatever_runs(count, picks):
    """Calls end in any order; turns go on."""
    chosen, running = Counter(), [0] * count
    router, call = RoundRobin(), make_call()
    for pick in picks:
        running[pick % count] = 0
        position = router.choose(call, candidates(running)).candidate.position
        chosen[position] += 1
        running[position] += 1

    assert all(abs(chosen[index] - 300 / count) <= 0.05 * 300 / count for index in range(count))


@both
def test_saturated_endpoints_share_evenly(router):
    """With equal service times and always somebody waiting, each serves within 5 % of its share."""
    endpoints = [FakeEndpoint(f"e{index}", limit=2) for index in range(4)]
    yard = Yard(endpoints, router())
    for _ in range(20):
        yard.arrive()
    for _ in range(400):
        yard.served()[0].release()
        yard.arrive()

    shares = [endpoint.served_count / sum(endpoint.served_count for endpoint in endpoints) for endpoint in endpoints]

    assert all(abs(share - 0.25) <= 0.05 * 0.25 for share in shares)
    yard.close()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_least_in_flight_never_chooses_a_busier_one(in_flight):
    """Whatever the rotation says."""
    offered = candidates(in_flight)

    choice = LeastInFlight().choose(make_call(), offered)

    assert choice.candidate in offered
    assert min(in_flight) == choice.candidate.in_flight
    assert "fewest in flight" == choice.reason


def test_a_busy_endpoint_misses_its_turn_only():
    """The others go on in order."""
    router, offered = RoundRobin(), candidates([0, 0, 0])

    order = [router.choose(make_call(), some).candidate.position for some in (offered, offered[:1] + offered[2:], offered, offered)]

    assert [0, 2, 0, 1] == order


def test_every_target_has_its_own_rotation():
    """Calls of another model do not take turns away."""
    router = RoundRobin()

    order = [router.choose(make_call(), candidates([0, 0], model)).candidate.position for model in "abab"]

    assert [0, 0, 1, 1] == order


def test_rotations_of_many_models_take_bounded_memory():
    """The one that began first is forgotten."""
    rotation = Rotation()

    for number in range(MAX_TARGETS + 50):
        rotation.served(f"m{number}", candidates([0, 0], f"m{number}")[0])

    assert len(rotation._next) == MAX_TARGETS


def test_the_plugin_contributes_both():
    """Under the names that settings use."""
    import llmlb_router_basic

    assert ["round_robin", "least_in_flight"] == [router.name for router in llmlb_router_basic.llmlb_routers()]
