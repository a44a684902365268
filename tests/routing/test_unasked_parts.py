"""Parts that have nothing to say are not asked, and that changes no choice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_testing.calls import candidates, make_call

from llmlb_core import UNKNOWN, Composed, EndpointFacts, Filter, Idle, InFlight, Rank, Rotation, Scorer


class Slow(Scorer):
    """Scores by position what was learned, and counts how often it is asked."""

    name = "slow"
    reason = "not slow"

    def __init__(self):
        self.seconds = {}
        self.asked = 0

    def score(self, call, candidate):
        return self.seconds.get(candidate.position, UNKNOWN)

    def scores(self, call, candidates):
        self.asked += 1
        return super().scores(call, candidates)

    def knows(self, tolerance):
        return self.seconds


class Gpu(Scorer):
    """Scores by what is told of GPUs."""

    name = "gpu"
    reason = "free GPU"
    asks = ("endpoint.gpu_facts",)

    def score(self, call, candidate):
        facts = candidate.endpoint.gpu_facts
        return UNKNOWN if facts is None else facts.gpu_busy_0_1


class Away(Filter):
    """Leaves out some positions, and counts how often it is asked."""

    name = "away"

    def __init__(self):
        self.knows = set()
        self.asked = 0

    def keep(self, call, candidates):
        self.asked += 1
        kept = [each for each in candidates if each.position not in self.knows]
        return candidates if len(kept) == len(candidates) else kept or candidates


class Asked(Composed):
    """The same cascade, every part of which is asked for every call."""

    def choose(self, call, candidates):
        return self._ask(call, candidates)


def cascade(kind=Composed):
    away, slow = Away(), Slow()
    return kind("c", [away], [Rank(Idle()), Rank(slow, tolerance=0.2), Rank(Gpu()), Rank(InFlight())], Rotation()), away, slow


def test_who_has_nothing_to_say_is_not_asked():
    """Nothing learned, nothing running, no figures of GPUs."""
    router, away, slow = cascade()

    reasons = {router.choose(make_call(), candidates(3)).reason for _ in range(6)}

    assert ({"next in turn"}, 0, 0) == (reasons, away.asked, slow.asked)


@pytest.mark.parametrize("what", ["filter", "learned", "running", "facts"])
def test_all_are_asked_as_soon_as_one_has_something_to_say(what):
    """What was learned later counts at once: the containers are looked at, not copied."""
    router, away, slow = cascade()
    router.choose(make_call(), candidates(3))
    offered = candidates(3)
    if what == "filter":
        away.knows.add(1)
    elif what == "learned":
        slow.seconds.update({0: 1.0, 1: 3.0})
    elif what == "running":
        offered[1].in_flight = 1
    else:
        offered[1].endpoint.facts = EndpointFacts(0.0, gpu_busy_0_1=0.9)
        offered[2].endpoint.facts = EndpointFacts(0.0, gpu_busy_0_1=0.1)

    served = {router.choose(make_call(), offered).candidate.position for _ in range(6)}

    assert {0, 2} == served


def test_a_part_that_declares_nothing_is_always_asked():
    """A plugin need not know of any of this."""

    class Plain(Scorer):
        name = "plain"
        reason = "plain"

        def score(self, call, candidate):
            return -candidate.position

    assert 2 == Composed("c", (), [Rank(Plain())], Rotation()).choose(make_call(), candidates(3)).candidate.position


@given(
    steps=st.lists(
        st.tuples(
            st.sets(st.integers(0, 3), max_size=2),
            st.dictionaries(st.integers(0, 3), st.sampled_from([1.0, 1.1, 5.0]), max_size=4),
            st.lists(st.integers(0, 2), min_size=4, max_size=4),
            st.lists(st.sampled_from([None, 0.1, 0.9]), min_size=4, max_size=4),
            st.sets(st.integers(0, 3), min_size=1),
        ),
        max_size=12,
    )
)
def test_who_is_asked_changes_no_choice(steps):
    """Whatever is learned, runs and is told, and whoever is free: winners and reasons are as if everybody were asked."""
    fast, slow = cascade(), cascade(Asked)
    offered = candidates(4)
    for aways, seconds, counts, busy, free in steps:
        for _, away, scorer in (fast, slow):
            away.knows.clear()
            away.knows.update(aways)
            scorer.seconds.clear()
            scorer.seconds.update(seconds)
        for each, count, one in zip(offered, counts, busy, strict=True):
            each.in_flight = count
            each.endpoint.facts = None if one is None else EndpointFacts(0.0, gpu_busy_0_1=one)
        some, call = [each for each in offered if each.position in free], make_call()

        one, other = fast[0].choose(call, some), slow[0].choose(call, some)

        assert (other.candidate.position, other.reason) == (one.candidate.position, one.reason)


def test_facts_that_tell_nothing_of_gpus_are_no_gpu_facts():
    """An endpoint of which only the latency is known is not looked at by whoever ranks GPUs."""
    (candidate,) = candidates(1)
    endpoint = candidate.endpoint

    endpoint.facts = plain = EndpointFacts(0.0, latency_s=0.1, gpu_count=0)
    before = endpoint.facts, endpoint.gpu_facts
    endpoint.facts = told = EndpointFacts(0.0, gpu_score=100)

    assert ((plain, None), (told, told)) == (before, (endpoint.facts, endpoint.gpu_facts))


def test_turns_are_forgotten_beyond_many_models():
    """Memory has a bound; whoever is forgotten begins anew."""
    from llmlb_core.routing.plain import MAX_TARGETS

    rotation = Rotation()
    for number in range(MAX_TARGETS + 10):
        rotation.pick(make_call(), candidates(2, model=f"m{number}"))

    assert MAX_TARGETS == len(rotation._turns) == len(rotation._latest)
    assert 0 == rotation.pick(make_call(), candidates(2, model="m0")).position
    assert 1 == rotation.pick(make_call(), candidates(2, model=f"m{MAX_TARGETS}")).position


def test_a_model_whose_endpoints_change_keeps_its_turns():
    """A new endpoint is first, whoever was served goes on where it was."""
    rotation = Rotation()
    for _ in range(3):
        rotation.pick(make_call(), candidates(2))

    order = [rotation.pick(make_call(), offered).position for offered in [candidates(3) for _ in range(4)]]
    fewer = rotation.pick(make_call(), candidates(2)).position

    assert ([2, 1, 0, 2], 1) == (order, fewer)
