"""What ``auto`` makes of GPU facts, where there are any."""

from __future__ import annotations

from llmlb_router_auto.gpu import Gpu
from llmlb_router_auto.parts import AutoParts
from llmlb_router_auto.settings import AutoSettings
from llmlb_testing.calls import candidates, make_call

from llmlb_core import UNKNOWN, EndpointFacts


def winner(*facts, at=1000.0):
    offered = candidates(len(facts))
    for each, one in zip(offered, facts, strict=True):
        each.endpoint.facts = one
    return AutoParts(AutoSettings()).routers[0].choose(make_call(received_at=at), offered).candidate.position


def facts(gpu=None, vram=None, score=None, at=1000.0):
    return EndpointFacts(at, gpu_busy_0_1=gpu, vram_used_0_1=vram, gpu_score=score)


def test_an_overloaded_gpu_is_passed_over():
    """589f2df1-S2: of two, one at 90 %, the other gets the call."""
    assert 1 == winner(facts(gpu=0.9), facts(gpu=0.5))


def test_full_gpu_memory_is_passed_over():
    """More than 90 % (589f2df1-F10)."""
    assert 1 == winner(facts(gpu=0.1, vram=0.95), facts(gpu=0.5, vram=0.5))


def test_the_most_capable_gpu_comes_first():
    """589f2df1-F13; when it is overloaded, the next."""
    assert 1 == winner(facts(gpu=0.1, score=5000), facts(gpu=0.7, score=9000))
    assert 0 == winner(facts(gpu=0.1, score=5000), facts(gpu=0.85, score=9000))


def test_limits_are_exclusive():
    """At the limit is not overloaded."""
    assert 0 == winner(facts(gpu=0.8, vram=0.9), facts(gpu=0.81, vram=0.1))


def test_nothing_told_is_neither_preferred_nor_passed_over():
    """A server without GPU figures takes turns with one that has a free GPU (5cd7b614, as decided)."""
    scorer, offered = Gpu(80, 90), candidates(1)

    assert UNKNOWN == scorer.score(make_call(), offered[0])
    assert 0 == winner(None, facts(gpu=0.1))
    assert 1 == winner(facts(gpu=0.9), facts(gpu=0.1), None)


def test_old_figures_tell_nothing():
    """After two minutes (589f2df1); what the GPU can do does not grow old."""
    assert 0 == winner(facts(gpu=0.9, at=1000.0), facts(gpu=0.1, at=1000.0), at=1121.0)
    assert 1 == winner(facts(gpu=0.9, score=1000), facts(gpu=0.9, score=2000), at=1121.0)


def test_limits_are_settings():
    """589f2df1-F14."""
    assert 1.0 == Gpu(20, 90).score(make_call(), _with(facts(gpu=0.3)))
    assert 0.0 == Gpu(80, 90).score(make_call(), _with(facts(gpu=0.3)))


def _with(one):
    (candidate,) = candidates(1)
    candidate.endpoint.facts = one
    return candidate
