"""Who would get a call, over all endpoints of its model."""

from __future__ import annotations

from llmlb_router_basic.round_robin import RoundRobin
from llmlb_testing.calls import make_call
from llmlb_testing.endpoints import FakeEndpoint

from llmlb_core import Composed, InFlight, Rank, Rotation, Target
from llmlb_core.routing.explain import explain_placement

AUTO = Composed("c", (), (Rank(InFlight()),), Rotation())


def endpoints():
    """One idle, one full, one down, one with a call."""
    idle, full, down, busy = (FakeEndpoint(f"e{number}", 2) for number in range(4))
    full.in_flight = 2
    busy.in_flight = 1
    down.reason = "It does not answer."
    return idle, full, down, busy


def test_every_endpoint_is_told_of():
    """Also those that the router never sees."""
    explanation = explain_placement(AUTO, make_call(), [Target("m", endpoints())])

    assert "e0" == explanation.winner
    assert [
        ("e0", "chosen", "fewest in flight", 0, 2),
        ("e1", "busy", "all 2 slots are taken", 2, 2),
        ("e2", "unroutable", "It does not answer.", 0, 2),
        ("e3", "outranked", "1 is above 0", 1, 2),
    ] == [(each.endpoint, each.state, each.reason, each.in_flight, each.max_in_flight) for each in explanation.candidates]


def test_a_call_that_would_wait_is_told_so():
    """Nobody wins now."""
    explanation = explain_placement(AUTO, make_call(), [Target("m", endpoints()[1:3])])

    assert (None, "the call would wait for one of 1 busy endpoints") == (explanation.winner, explanation.reason)


def test_the_first_target_that_can_serve_is_explained():
    """As the stage `acquire` takes it; where none can, the first."""
    _, _, down, busy = endpoints()

    explanation = explain_placement(AUTO, make_call(), [Target("a", (down,)), Target("b", (busy,))])
    nobody = explain_placement(AUTO, make_call(), [Target("a", (down,))])

    assert "e3" == explanation.winner
    assert (None, "no endpoint is routable") == (nobody.winner, nobody.reason)


def test_a_router_that_is_no_cascade_is_explained_without_losing_a_turn():
    """A copy of it is asked."""
    router, target = RoundRobin(), Target("m", (FakeEndpoint("e0"), FakeEndpoint("e1")))

    winners = [explain_placement(router, make_call(), [target]).winner for _ in range(3)]

    assert ["e0"] * 3 == winners
