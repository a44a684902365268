"""``metrics``: by what health checks tell, as the original did it."""

from __future__ import annotations

import pytest
from llmlb_router_metrics import RouterMetricsPlugin
from llmlb_router_metrics.require_gpu import RequireGpu
from llmlb_router_metrics.scorers import LoadScore
from llmlb_testing.calls import candidates, make_call

from llmlb_core import Composed, EndpointFacts, Plugin, Rotation
from llmlb_core.errors import NoEndpoint


@pytest.fixture
def router(tmp_path):
    return next(iter(RouterMetricsPlugin(Plugin("router_metrics", tmp_path)).llmlb_routers()))


def offered(*facts, in_flight=()):
    made = candidates(len(facts), max_in_flight=99)
    for each, one in zip(made, facts, strict=True):
        each.endpoint.facts = one
    for each, count in zip(made, in_flight, strict=False):
        each.in_flight = count
    return made


def facts(gpu=None, vram=None, active=None, score=None):
    return EndpointFacts(1000.0, gpu_busy_0_1=gpu, vram_used_0_1=vram, active_count=active, gpu_score=score, gpu_count=1)


def winner(router, made, at=1000.0):
    choice = router.choose(make_call(received_at=at), made)
    return choice.candidate.position, choice.reason


def test_an_overloaded_gpu_is_passed_over(router):
    """589f2df1-S2: of two, one at 90 %, the other gets the call."""
    assert (1, "GPU not overloaded") == winner(router, offered(facts(gpu=0.9), facts(gpu=0.5)))


def test_gpu_memory_comes_second(router):
    """589f2df1-F10: GPU use, then GPU memory, then active calls."""
    made = offered(facts(0.5, 0.95, 0), facts(0.5, 0.5, 4), facts(0.9, 0.1, 0))

    assert (1, "GPU memory not full") == winner(router, made)


def test_the_fewest_active_calls_come_third(router):
    """What it says or what was sent there, whichever is more: none is counted twice."""
    made = offered(facts(0.5, 0.5, 3), facts(0.5, 0.5, 1), facts(0.5, 0.5, 0), in_flight=(0, 0, 2))

    assert (1, "fewest active calls") == winner(router, made)


def test_of_idle_endpoints_the_most_capable_comes_first(router):
    """And the next one where it is busy (589f2df1-F13)."""
    assert (1, "highest capability") == winner(router, offered(facts(0.1, 0.1, 0, 5000), facts(0.1, 0.1, 0, 9000)))
    assert (0, "GPU not overloaded") == winner(router, offered(facts(0.1, 0.1, 0, 5000), facts(0.9, 0.1, 0, 9000)))


@pytest.mark.parametrize(
    "facts",
    [None, facts(gpu=0.95), facts(vram=0.99), facts(0.1, 0.1, 2, 5000)],
    ids=["nothing told", "all GPUs busy", "all memory full", "all alike"],
)
def test_equals_take_turns(router, facts):
    """Whatever they are equal in: 30 calls over 3 are 10 each (589f2df1-F10, F16)."""
    made = offered(facts, facts, facts)

    order = [winner(router, made)[0] for _ in range(30)]

    assert [10, 10, 10] == [order.count(position) for position in range(3)]


def test_the_ladder_goes_down_step_by_step(router):
    """Without GPU figures memory and active calls decide, without those the capability (589f2df1-F16)."""
    assert 1 == winner(router, offered(facts(vram=0.95), facts(vram=0.2)))[0]
    assert 1 == winner(router, offered(facts(active=3), facts(active=1)))[0]
    assert 1 == winner(router, offered(facts(score=1), facts(score=2)))[0]


def test_old_figures_tell_nothing(router):
    """After two minutes (589f2df1)."""
    made = offered(facts(gpu=0.9), facts(gpu=0.1))

    assert (0, "next in turn") == winner(router, made, at=1121.0)


def test_the_load_score_weighs_gpu_and_calls():
    """0.3 of the one, 0.7 of the other (05098000-F16)."""
    (one,) = offered(facts(gpu=0.5, active=2))

    assert pytest.approx(0.3 * 0.5 + 0.7 * 0.2) == LoadScore(10).score(make_call(received_at=1000.0), one)


def test_require_gpu_insists():
    """A call waits for one that has a GPU; where none has, the client is told at once (5cd7b614-F1)."""
    router = Composed("own", (RequireGpu(),), (), Rotation())
    none = EndpointFacts(1000.0, gpu_count=0)
    made = offered(none, facts(), None)

    assert 1 == winner(router, made)[0]
    assert router.choose(make_call(), [made[0], made[2]]) is None
    with pytest.raises(NoEndpoint, match="e0: it has no GPU; e1: it tells nothing of a GPU"):
        router.choose(make_call(), offered(none, None))
