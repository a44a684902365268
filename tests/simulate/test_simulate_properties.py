"""What holds of the real stage ``acquire``, its queue, policy and routers, whatever comes: on a virtual clock, by hypothesis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from llmlb_core import Feedback
from llmlb_core.settings.load import load_settings
from llmlb_core.settings.sections import AdmissionSettings, Settings
from llmlb_core.simulate.brought import bring
from llmlb_core.simulate.planned import Planned
from llmlb_core.simulate.run import Run
from llmlb_core.simulate.scenario import EndpointGroup, Lengths, Scenario, Traffic
from llmlb_core.simulate.synthetic import synthetic_calls
from llmlb_core.simulate.tally import Result

EVEN = ("auto", "least_in_flight", "round_robin")
"""Routers that give equal endpoints equal shares."""

PATIENT = AdmissionSettings(queue_size=10_000, queue_timeout_s=3600.0)
checked = hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def plugins(tmp_path_factory) -> Settings:
    """The plugins that are installed here, without settings."""
    return load_settings(environ={}, data_dir=tmp_path_factory.mktemp("data"))


def run_of(plugins: Settings, router: str, groups, admission=PATIENT, feedback: Feedback | None = None) -> Run:
    brought = bring(plugins, router)
    if feedback is not None:
        brought = evolve(brought, feedbacks={**brought.feedbacks, "test": feedback})
    return Run(Scenario(endpoints=groups), brought, admission, seed=1, timeout_s=1e9)


@frozen
class Load:
    """Equal endpoints with random traffic."""

    group: EndpointGroup
    traffic: Traffic
    seed: int
    calls: int

    def planned(self) -> Iterator[Planned]:
        return synthetic_calls(Scenario(calls=self.calls, traffic=(self.traffic,), endpoints=(self.group,)), self.seed)


@st.composite
def loads(draw, *, most_busy=1.3, kinds=("fixed", "uniform", "lognormal")) -> Load:
    """Draw equal endpoints, and traffic that keeps them busy for a share of the time, or more than they can take."""
    count, slots = draw(st.integers(2, 8)), draw(st.integers(1, 6))
    busy = draw(st.floats(0.05, most_busy))
    kind = draw(st.sampled_from(kinds))
    group = EndpointGroup(
        name="e", count=count, slots=slots, prefill_tokens_per_s=8000, decode_tokens_per_s=50 * slots, call_tokens_per_s=50
    )
    prompt, output = Lengths(kind=kind, mean=400, shape=0.5), Lengths(kind=kind, mean=50, shape=0.5)
    traffic = Traffic(
        calls_per_s=busy * count * slots / 1.05,
        arrivals=draw(st.sampled_from(["poisson", "uniform", "bursty"])),
        prompt_tokens=prompt,
        output_tokens=output,
        principals=draw(st.integers(1, 5)),
    )
    return Load(group, traffic, draw(st.integers(0, 10_000)), calls=500 * count)


def check_equal_shares(plugins: Settings, router: str, load: Load) -> None:
    result = run_of(plugins, router, (load.group,)).go(load.planned())

    assert load.calls == result.served
    even = 1 / load.group.count
    assert [even] * load.group.count == pytest.approx(list(result.share_by_endpoint.values()), rel=0.05)


@pytest.mark.parametrize("router", EVEN)
@checked
@given(load=loads(kinds=("fixed",)))
def test_equal_endpoints_get_equal_shares(plugins, router, load):
    """Within 5 %, whatever comes: idle, busy or overloaded, in bursts or like a clock (issue 4, 63acef08-S1)."""
    check_equal_shares(plugins, router, load)


@pytest.mark.parametrize("router", EVEN)
@hypothesis_settings(checked, max_examples=3)
@given(load=loads(kinds=("uniform", "lognormal")), count=st.integers(2, 4))
def test_equal_endpoints_get_equal_shares_of_unequal_calls(plugins, router, load, count):
    """Whoever happens to get long calls serves fewer of them: over 4,000 calls each chance makes less than 5 %."""
    factor = count / load.group.count
    traffic = evolve(load.traffic, calls_per_s=load.traffic.calls_per_s * factor)

    check_equal_shares(plugins, router, evolve(load, group=evolve(load.group, count=count), traffic=traffic, calls=4000 * count))


@pytest.mark.parametrize("router", EVEN)
@checked
@given(count=st.integers(2, 12), slots=st.integers(1, 8), gap_s=st.floats(5, 100))
def test_calls_one_after_the_other_are_pinned_to_nobody(plugins, router, count, slots, gap_s):
    """Where every call finds everything idle, turns are taken (63acef08-S1)."""
    group = EndpointGroup(name="e", count=count, slots=slots)
    calls = (Planned(number * gap_s, "m", "A", ((number, 200),), 20) for number in range(20 * count))

    result = run_of(plugins, router, (group,)).go(calls)

    assert [1 / count] * count == pytest.approx(list(result.share_by_endpoint.values()), rel=0.05)


@pytest.mark.parametrize("router", EVEN)
@checked
@given(load=loads(most_busy=0.9), slow=st.floats(2, 10))
def test_a_slow_endpoint_is_neither_pinned_nor_forgotten(plugins, router, load, slow):
    """It gets calls, but no more than an equal one would."""
    group = load.group
    slower = evolve(
        group,
        name="slow",
        count=1,
        prefill_tokens_per_s=group.prefill_tokens_per_s / slow,
        decode_tokens_per_s=group.decode_tokens_per_s / slow,
        call_tokens_per_s=group.call_tokens_per_s / slow,
    )

    result = run_of(plugins, router, (group, slower)).go(load.planned())

    assert 0 < result.share_by_endpoint["slow"] <= 1.05 / (group.count + 1)
    assert load.calls == result.served


@st.composite
def failing_loads(draw) -> Load:
    """Draw endpoints that fail and go down, with more calls than they can take at times."""
    load = draw(loads())
    span_s = load.calls / load.traffic.calls_per_s / 3
    begin_s, length_s = draw(st.floats(0, span_s)), draw(st.floats(0.1, 60))
    group = evolve(
        load.group,
        failure_rate=draw(st.sampled_from([0.0, 0.05, 0.5])),
        down=draw(st.sampled_from([(), ((begin_s, begin_s + length_s),)])),
        notice_s=draw(st.floats(0, 5)),
    )
    return evolve(load, group=group, calls=800)


@pytest.mark.parametrize("router", EVEN)
@checked
@given(load=failing_loads())
def test_a_free_slot_never_stands_beside_a_call_that_may_use_it(plugins, router, load):
    """Work conserving, at every moment; also when endpoints fail, go down and come back, and calls are tried elsewhere."""
    other = evolve(load.group, name="other", count=1, models=("m", "n"), down=())
    run = run_of(plugins, router, (load.group, other))
    looked_count = 0

    def look():
        nonlocal looked_count
        for target, tried in run.waiting.values():
            looked_count += 1
            for each in target.endpoints:
                is_usable = each.unroutable_reason is None and each.id not in tried
                assert not (is_usable and each.in_flight < each.max_in_flight), f"{each.id} is free while a call waits"
        assert all(0 <= each.in_flight <= each.max_in_flight for each in run.endpoints)

    calls = (evolve(call, model="n") if number % 5 == 0 else call for number, call in enumerate(load.planned()))
    result = run.go(calls, watch=look)

    assert load.calls == result.served + sum(result.errors.values())
    assert not run.waiting
    assert bool(result.waited_0_1) == bool(looked_count)


class Turns(Feedback):
    """Notes when each call came, and when it got its slot."""

    name = "turns"

    def __init__(self):
        self.turns: list[tuple[str, float, float]] = []

    def on_end(self, record):
        self.turns.append((record.principal, record.started_at, record.started_at + record.queue_wait_s))


def unfairness(turns: list[tuple[str, float, float]]) -> int:
    """Return by how many turns one principal was ahead of another while both had calls waiting, at the worst moment."""
    events = sorted(
        [(came, 0, who) for who, came, got in turns if got > came] + [(got, 1, who) for who, came, got in turns if got > came]
    )
    waiting: dict[str, int] = defaultdict(int)
    lead: dict[tuple[str, str], int] = {}
    low: dict[tuple[str, str], int] = {}
    worst = 0
    for _, is_turn, who in events:
        if is_turn:
            for pair in [each for each in lead if who in each]:
                lead[pair] += 1 if pair[0] == who else -1
                low[pair] = min(low[pair], lead[pair])
                worst = max(worst, lead[pair] - low[pair])
            waiting[who] -= 1
            if not waiting[who]:
                for pair in [each for each in lead if who in each]:
                    del lead[pair], low[pair]
        else:
            waiting[who] += 1
            if waiting[who] == 1:
                for other in [each for each in waiting if each != who and waiting[each]]:
                    lead[who, other] = lead[other, who] = low[who, other] = low[other, who] = 0
    return worst


arrivals = st.lists(st.tuples(st.sampled_from("ABCD"), st.floats(0, 3)), min_size=10, max_size=120)


@pytest.mark.parametrize("router", EVEN)
@checked
@given(order=arrivals, slots=st.integers(1, 4))
def test_principals_take_turns_in_any_order_of_arrival(plugins, router, order, slots):
    """While two have calls waiting, neither is ever more than two turns ahead of the other (05098000-F12)."""
    turns = Turns()
    group = EndpointGroup(name="e", slots=slots, decode_tokens_per_s=50 * slots, call_tokens_per_s=50)
    at_s, calls = 0.0, []
    for number, (who, gap_s) in enumerate(order):
        at_s += gap_s / 4
        calls.append(Planned(at_s, "m", who, ((number, 80),), 51))

    result = run_of(plugins, router, (group,), feedback=turns).go(calls)

    assert len(order) == result.served
    assert unfairness(turns.turns) <= 2


@checked
@given(flood=st.integers(20, 200), lonely_at=st.floats(0.1, 20), slots=st.integers(1, 4))
def test_a_flood_starves_nobody(plugins, flood, lonely_at, slots):
    """A caller with one call waits for at most two rounds of slots, however many calls of another came before."""
    turns = Turns()
    group = EndpointGroup(name="e", slots=slots, decode_tokens_per_s=50 * slots, call_tokens_per_s=50)
    calls = [Planned(0.0, "m", "flood", ((number, 80),), 51) for number in range(flood)]
    calls += [Planned(lonely_at, "m", "lonely", (("lonely", 80),), 51)]

    result = run_of(plugins, "least_in_flight", (group,), feedback=turns).go(calls)

    assert flood + 1 == result.served
    (waited_s,) = [got - came for who, came, got in turns.turns if who == "lonely"]
    service_s = 1.0 + 80 / 8000 * slots
    assert waited_s <= 2 * service_s


def test_unfairness_is_seen():
    """The measure itself: first come, first served lets A have three turns while B waits."""
    turns = [("A", 0.0, 1.0), ("A", 0.0, 2.0), ("A", 0.0, 3.0), ("B", 0.5, 4.0)]

    assert 3 == unfairness(turns)
    assert 1 == unfairness([("A", 0.0, 1.0), ("B", 0.5, 2.0), ("A", 0.0, 3.0)])


@pytest.mark.parametrize("router", EVEN)
@hypothesis_settings(checked, max_examples=3)
@given(load=failing_loads(), seed=st.integers(0, 9))
def test_the_same_seed_gives_the_same_result(plugins, router, load, seed):
    """Every figure, whatever fails and waits."""

    def once() -> Result:
        return Run(Scenario(endpoints=(load.group,)), bring(plugins, router), PATIENT, seed=seed).go(load.planned())

    assert once() == once()
