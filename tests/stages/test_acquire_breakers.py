"""The stage ``acquire`` with circuit breakers, under a clock that only tests move (streams.md, rule 5)."""

from __future__ import annotations

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from llmlb_admission_fair.policy import FairAdmission
from llmlb_router_basic.least_in_flight import LeastInFlight
from llmlb_router_basic.round_robin import RoundRobin
from llmlb_testing.calls import make_call
from llmlb_testing.yard import FakeEndpoint, Yard

from llmlb_core.domain.breaker import BreakerState
from llmlb_core.domain.endpoints import Outcome, Target
from llmlb_core.errors import EndpointBusy, EndpointFailed, NoEndpoint, QueueFull, QueueTimeout
from llmlb_core.settings.sections import AdmissionSettings
from llmlb_core.stages.acquire.lease import Probe
from llmlb_core.stages.acquire.survey import survey

BROKEN = EndpointFailed("it broke")


@pytest.fixture
def new_yard():
    yards = []

    def make(*endpoints, **options) -> Yard:
        yards.append(Yard(endpoints, RoundRobin(), FairAdmission(), **options))
        return yards[-1]

    yield make
    for yard in yards:
        yard.close()


def trip(yard: Yard, endpoint_id: str) -> None:
    for _ in range(5):
        yard.arrive(ids=[endpoint_id]).release(error=BROKEN)


def test_calls_go_to_the_other_endpoint_at_once(new_yard):
    """Once it is open, ten calls in a row go elsewhere without a wait, in the fast way and in the slow."""
    yard = new_yard(FakeEndpoint("e1", 20), FakeEndpoint("e2", 20))
    trip(yard, "e1")

    calls = [yard.arrive() for _ in range(10)]
    fast = yard.acquire.at_once(make_call(), [Target("m", tuple(yard.endpoints.values()))])
    fast.release(Outcome.COMPLETED)

    assert {"e2"} == {call.lease.endpoint.id for call in calls} | {fast.endpoint.id}


def test_the_first_call_after_the_cool_down_is_the_only_one_until_it_proves(new_yard):
    """Of five calls one is let through to the endpoint that was open; when it commits, all go there again."""
    yard = new_yard(FakeEndpoint("e1", 20), FakeEndpoint("e2", 20))
    trip(yard, "e1")
    yard.advance(6)

    calls = [yard.arrive() for _ in range(5)]
    tries = [call for call in calls if call.lease.endpoint.id == "e1"]
    tries[0].lease.proved()
    after = {yard.arrive().lease.endpoint.id for _ in range(4)}

    assert [True] == [call.lease.is_probe for call in tries]
    assert {"e1", "e2"} == after
    assert yard.endpoints["e1"].tripped is None


def test_a_model_with_one_endpoint_gets_a_probe_and_no_refusal(new_yard):
    """The first call after a second tries it, others wait; it goes well, and all of them get in."""
    yard = new_yard(FakeEndpoint("e1", 4))
    trip(yard, "e1")

    calls = [yard.arrive() for _ in range(5)]
    at_first = len(yard.served())
    yard.advance(1)
    tried = yard.served()
    tried[0].lease.proved()
    yard.settle()

    assert (0, 1) == (at_first, len(tried))
    assert 4 == len(yard.served())
    assert isinstance(tried[0].lease, Probe)
    tried[0].release()
    assert all(call.lease is not None for call in calls)


def test_probes_that_fail_come_one_a_second(new_yard):
    """Ten seconds, thirty calls, one endpoint that is broken: at most one call a second reaches it."""
    yard = new_yard(FakeEndpoint("e1", 8))
    trip(yard, "e1")
    before = yard.endpoints["e1"].served_count

    for _ in range(100):
        if len(yard.waiting()) < 30:
            yard.arrive()
        yard.advance(0.1)
        for call in yard.served():
            call.release(error=BROKEN)

    assert 8 <= yard.endpoints["e1"].served_count - before <= 10


def test_the_one_that_was_tripped_first_is_tried_first(new_yard):
    """Both are open: a call is given to the one that had most time to mend."""
    yard = new_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    trip(yard, "e2")
    yard.advance(1)
    trip(yard, "e1")
    yard.advance(1)

    call = yard.arrive()

    assert ("e2", True) == (call.lease.endpoint.id, call.lease.is_probe)


def test_a_call_that_cannot_wait_is_told_when_to_come_again(new_yard):
    """503 with ``Retry-After`` and the reason, not the 429 of a full queue; nothing in it is an address."""
    yard = new_yard(FakeEndpoint("e1"), settings=AdmissionSettings(queue_size=0))
    trip(yard, "e1")

    refused = yard.arrive().error

    assert isinstance(refused, NoEndpoint)
    assert 1 == refused.retry_after_s
    assert "e1: breaker open for" in refused.message
    assert "after 5 failures, last: it broke" in refused.message


def test_a_long_pause_that_was_asked_for_is_told_at_once(new_yard):
    """``Retry-After: 50`` where calls wait for 10 s at most."""
    yard = new_yard(FakeEndpoint("e1"), settings=AdmissionSettings(queue_timeout_s=10))
    yard.arrive().release(error=EndpointBusy("it is busy", retry_after_s=50))

    refused = yard.arrive().error

    assert isinstance(refused, NoEndpoint)
    assert 50 == refused.retry_after_s


def test_a_short_pause_is_waited_for(new_yard):
    """429 with ``Retry-After: 2``: the next call goes to nobody else's model, and is served two seconds later."""
    yard = new_yard(FakeEndpoint("e1"))
    yard.arrive().release(error=EndpointBusy("it is busy", retry_after_s=2))

    call = yard.arrive()
    yard.advance(1.9)
    early = call.is_served
    yard.advance(0.2)

    assert (False, True) == (early, call.is_served)
    assert not call.lease.is_probe


@pytest.mark.parametrize(("asked_s", "model"), [(2, "m"), (30, "spare")])
def test_a_pause_of_a_few_seconds_is_no_reason_for_another_model(new_yard, asked_s, model):
    """``Retry-After: 2`` is waited for, ``Retry-After: 30`` sends the call to its next target (rule 3)."""
    yard = new_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    targets = [Target("m", (yard.endpoints["e1"],)), Target("spare", (yard.endpoints["e2"],))]
    yard.arrive(ids=["e1"]).release(error=EndpointBusy("it is busy", retry_after_s=asked_s))

    assert model == survey(targets, frozenset(), yard.clock()).target.model


def test_ten_clients_that_leave_open_nothing(new_yard):
    """Neither does it remember anything of them."""
    yard = new_yard(FakeEndpoint("e1"))

    for _ in range(10):
        yard.arrive().release(Outcome.CANCELLED)

    assert yard.endpoints["e1"].breakers is None


def test_a_wait_in_vain_is_told_why(new_yard):
    """Whoever waited for a breaker until its time was up is not told of a busy endpoint."""
    yard = new_yard(FakeEndpoint("e1"), settings=AdmissionSettings(queue_timeout_s=3))
    trip(yard, "e1")
    yard.advance(6)
    yard.arrive()

    call = yard.arrive()
    yard.advance(4)

    assert isinstance(call.error, NoEndpoint)
    assert "one call tries it now" in call.error.message


def test_a_breaker_that_opens_sends_who_waits_to_the_next_model(new_yard):
    """Calls that waited for its slots, and have another target, go there at once."""
    yard = new_yard(FakeEndpoint("e1", 1), FakeEndpoint("spare", 5))
    first, spare = (Target(name, (yard.endpoints[key],)) for name, key in (("m", "e1"), ("other", "spare")))
    for _ in range(4):
        yard.arrive(ids=["e1"]).release(error=BROKEN)
    busy = yard.arrive(ids=["e1"])
    waits = yard.arrive(ids=["e1"], look=lambda: [first, spare])

    busy.release(error=BROKEN)

    assert "spare" == waits.lease.endpoint.id


def test_other_models_of_the_endpoint_go_on(new_yard):
    """A breaker is one model's: the server may be well but for that."""
    yard = new_yard(FakeEndpoint("e1"))
    yard.arrive(model="gone").release(error=EndpointFailed("no such model", code="model_not_found"))

    assert yard.arrive(model="other").is_served
    assert ["gone"] == [*yard.endpoints["e1"].tripped]


def test_nothing_is_left_of_a_breaker_that_closed(new_yard):
    """Half a minute after it closed the next call takes the last trace of it away; no timer is left."""
    yard = new_yard(FakeEndpoint("e1"))
    trip(yard, "e1")
    yard.advance(6)
    yard.arrive().release()

    yard.advance(31)
    yard.arrive().release()

    endpoint = yard.endpoints["e1"]
    assert (None, None) == (endpoint.breakers, endpoint.tripped)
    assert not yard.acquire._breakers._timers


class Storm(RuleBasedStateMachine):
    """Three endpoints that fail as they like."""

    @initialize(limits=st.tuples(*[st.integers(1, 3)] * 3), is_rotating=st.booleans())
    def open(self, limits, is_rotating):
        endpoints = [FakeEndpoint(f"e{index + 1}", limit) for index, limit in enumerate(limits)]
        admission = AdmissionSettings(queue_size=8, queue_timeout_s=20)
        self.yard = Yard(endpoints, RoundRobin() if is_rotating else LeastInFlight(), FairAdmission(), admission)

    @rule(ids=st.sampled_from([("e1",), ("e1", "e2"), ("e2", "e3"), ("e1", "e2", "e3")]))
    def arrive(self, ids):
        call = self.yard.arrive(ids=ids)
        assert call.error is None or isinstance(call.error, NoEndpoint | QueueFull)
        if isinstance(call.error, NoEndpoint):
            assert call.error.retry_after_s >= 1

    @precondition(lambda self: self.yard.served())
    @rule(data=st.data(), end=st.sampled_from(["well", "fails", "fails", "fails", "busy", "long", "leaves", "proves"]))
    def end(self, data, end):
        call = data.draw(st.sampled_from(self.yard.served()))
        breaker = (call.lease.endpoint.tripped or {}).get("m")
        is_probe = breaker is not None and breaker.probe is call.lease
        if end == "fails":
            call.release(error=BROKEN)
            assert not is_probe or breaker.failure_count
        elif end in ("busy", "long"):
            call.release(error=EndpointBusy("busy", retry_after_s=40 if end == "long" else None))
        elif end == "proves":
            call.lease.proved()
            self.yard.settle()
        else:
            call.release(Outcome.COMPLETED if end == "well" else Outcome.CANCELLED)
        if is_probe and end in ("well", "proves"):
            # It closed in that moment; another call may have failed since.
            assert BreakerState.CLOSED is breaker.state

    @rule(times=st.integers(5, 6))
    def everything_fails(self, times):
        for _ in range(times):
            for call in self.yard.served():
                call.release(error=BROKEN)

    @precondition(lambda self: self.yard.waiting())
    @rule(data=st.data())
    def client_leaves(self, data):
        data.draw(st.sampled_from(self.yard.waiting())).cancel()

    @rule(seconds=st.sampled_from([0.3, 1.1, 6, 70]))
    def time_passes(self, seconds):
        self.yard.advance(seconds)
        told = (QueueTimeout, QueueFull, NoEndpoint, type(None))
        assert all(isinstance(call.error, told) for call in self.yard.arrivals)

    @invariant()
    def a_tripped_endpoint_has_one_new_call_at_most(self):
        for endpoint in self.yard.endpoints.values():
            for breaker in (endpoint.tripped or {}).values():
                later = [
                    call
                    for call in self.yard.served()
                    if call.lease.endpoint is endpoint and call.lease.granted_at > breaker.since and call.lease is not breaker.probe
                ]
                assert [] == later, "a call besides the one that is let through"

    @invariant()
    def no_slot_is_free_while_somebody_waits_for_it(self):
        yard = self.yard
        free = {
            key for key, each in yard.endpoints.items() if each.in_flight < each.limit and each.why_not("m", yard.clock()) is None
        }
        assert not [call for call in yard.waiting() if call.ids & free], "work is not conserved"

    @invariant()
    def nobody_waits_for_what_may_be_tried(self):
        yard, now = self.yard, self.yard.clock()
        for call in yard.waiting():
            endpoints = [yard.endpoints[key] for key in call.ids]
            if not any(each.takes("m") for each in endpoints):
                ready = [each for each in endpoints if each.in_flight < each.limit and each.tripped["m"].may_probe(now)]
                assert not ready, "nothing else is left, and nobody tries it"

    @invariant()
    def timers_are_bounded(self):
        breakers = self.yard.acquire._breakers
        assert len(breakers._timers) <= sum(len(each.tripped or ()) for each in self.yard.endpoints.values())

    def teardown(self):
        if not hasattr(self, "yard"):
            return
        # Whatever happened: where everything goes well from now on, everybody who waits is served or told.
        for _ in range(200):
            for call in self.yard.served():
                call.release()
            self.yard.advance(1)
        assert not self.yard.waiting()
        self.yard.close()


Storm.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBreakersInAStorm = Storm.TestCase
