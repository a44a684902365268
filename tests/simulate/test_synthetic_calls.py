"""Calls made up from a seed."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise
from random import Random
from statistics import fmean, pstdev

import pytest
from attrs import evolve

from llmlb_core.simulate.chances import arrivals, lengths
from llmlb_core.simulate.scenario import EndpointGroup, Lengths, Prefixes, Scenario, Sessions, Traffic
from llmlb_core.simulate.source import open_source
from llmlb_core.simulate.synthetic import synthetic_calls


def calls_of(traffic, *, count=4000, seed=1):
    return list(synthetic_calls(Scenario(calls=count, traffic=(traffic,), endpoints=(EndpointGroup(),)), seed))


@pytest.mark.parametrize("name", ["heavy", "prefixes", "slow", "uniform"])
def test_the_same_seed_makes_the_same_calls(name):
    """And another seed others."""
    source = open_source(name, calls=300)

    assert list(source.calls(7)) == list(source.calls(7))
    assert list(source.calls(7)) != list(source.calls(8))


@pytest.mark.parametrize("kind", ["poisson", "uniform", "bursty"])
def test_arrivals_come_in_order_and_as_often_as_asked(kind):
    """The mean holds, also where calls come in bursts."""
    traffic = Traffic(arrivals=kind, burst_s=1.0)

    times = list(islice(arrivals(traffic, 10.0, Random(1)), 50_000))

    assert times == sorted(times)
    assert 10 == pytest.approx(len(times) / times[-1], rel=0.05)


def test_bursts_are_burstier_than_independent_callers():
    """The spread of calls per second says so: 0 for a clock, about the mean's root for Poisson, more for bursts."""

    def spread(kind):
        times = islice(arrivals(Traffic(arrivals=kind), 10.0, Random(1)), 50_000)
        return pstdev(Counter(int(at_s) for at_s in times).values())

    assert spread("uniform") < 1
    assert 10**0.5 == pytest.approx(spread("poisson"), rel=0.1)
    assert spread("bursty") > 5


@pytest.mark.parametrize("kind", ["fixed", "uniform", "lognormal", "pareto"])
def test_lengths_have_their_mean(kind):
    """Before the tail is cut; a pareto of shape 2.5 has little of it."""
    draw = lengths(Lengths(kind=kind, mean=500, shape=2.5 if kind == "pareto" else 0.8, most=10**6), Random(1))

    assert 500 == pytest.approx(fmean(draw() for _ in range(50_000)), rel=0.05)


@pytest.mark.parametrize("kind", ["fixed", "uniform", "lognormal", "pareto"])
def test_lengths_are_cut(kind):
    """Nothing is above ``most``, nothing below one token."""
    draw = lengths(Lengths(kind=kind, mean=500, most=600), Random(1))

    drawn = [draw() for _ in range(5000)]

    assert 1 <= min(drawn)
    assert max(drawn) <= 600


def test_prompts_share_prefixes_by_their_popularity():
    """The first of 10 is twice as frequent as the second, where the skew is 1."""
    calls = calls_of(Traffic(prefixes=Prefixes(count=10, tokens=1000, skew=1.0)), count=20_000)

    counts = Counter(call.segments[0] for call in calls)

    assert 10 == len(counts)
    assert {1000} == {tokens for _, tokens in counts}
    (first, first_count), (_, second_count) = counts.most_common(2)
    assert (0, "prefix", 0) == first[0]
    assert 2 == pytest.approx(first_count / second_count, rel=0.15)


def test_a_conversation_repeats_what_was_said():
    """Each call's prompt is the one before, its answer, and something new."""
    calls = calls_of(Traffic(calls_per_s=5, sessions=Sessions(turns=4, pause_s=10), principals=3), count=8000)
    by_session = {}
    for call in calls:
        by_session.setdefault(call.session, []).append(call)

    for turns in by_session.values():
        for before, after in pairwise(turns):
            assert (*before.segments, (before.answer, before.output_tokens)) == after.segments[:-1]
            assert before.principal == after.principal
            assert before.at_s < after.at_s
    assert [call.at_s for call in calls] == sorted(call.at_s for call in calls)
    assert 5 == pytest.approx(len(calls) / calls[-1].at_s, rel=0.1)


def test_streams_are_merged_in_order():
    """Two kinds of callers at a time; a stream more changes nothing of the first."""
    one, other = Traffic(model="a", calls_per_s=1), Traffic(model="b", calls_per_s=3, arrivals="uniform")
    scenario = Scenario(calls=4000, traffic=(one, other), endpoints=(EndpointGroup(models=("a", "b")),))

    calls = list(synthetic_calls(scenario, 1))

    assert [call.at_s for call in calls] == sorted(call.at_s for call in calls)
    assert 3 == pytest.approx(Counter(call.model for call in calls)["b"] / 1000, rel=0.1)
    alone = list(synthetic_calls(evolve(scenario, traffic=(one,), calls=100), 1))
    assert alone == [call for call in calls if call.model == "a"][:100]
