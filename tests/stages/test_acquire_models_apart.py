"""What one model's calls do changes nothing for another's (decisions: 7c0a37e0), whatever comes in whatever order."""

from __future__ import annotations

from attrs import define
from hypothesis import given, settings
from hypothesis import strategies as st
from llmlb_admission_fair.policy import FairAdmission
from llmlb_router_basic.least_in_flight import LeastInFlight
from llmlb_testing.yard import FakeEndpoint, Yard

from llmlb_core.settings.sections import AdmissionSettings

PRINCIPALS = st.sampled_from("ABCD")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["mine", "theirs"]), st.just("arrive"), PRINCIPALS),
        st.tuples(st.sampled_from(["mine", "theirs"]), st.sampled_from(["release", "leave"]), st.integers(0, 30)),
        st.tuples(st.just("theirs"), st.sampled_from(["away", "back", "look"]), st.just(0)),
        st.tuples(st.just("time"), st.just("pass"), st.integers(0, 5)),
    ),
    max_size=40,
)


@define
class Play:
    """One run of some steps, with or without the other model's."""

    with_others: bool
    slots: int

    def run(self, steps):
        """Return what happened to the calls of my model, step by step."""
        mine = FakeEndpoint("e1", self.slots)
        admission = AdmissionSettings(queue_size=1000, queue_timeout_s=12)
        yard = Yard([mine, FakeEndpoint("e2"), FakeEndpoint("e3")], LeastInFlight(), FairAdmission(), admission)
        try:
            return [self._step(yard, *step) for step in steps]
        finally:
            yard.close()

    def _step(self, yard, who, what, value):
        if who == "time":
            yard.advance(value)
        elif who == "mine" or self.with_others:
            ids = ["e1"] if who == "mine" else ["e2", "e3"]
            self._act(yard, ids, what, value)
        return [_facts(call) for call in yard.arrivals if call.ids == {"e1"}]

    def _act(self, yard, ids, what, value):
        def chosen(calls):
            ours = [call for call in calls if call.ids == set(ids)]
            return ours[value % len(ours)] if ours else None

        if what == "arrive":
            yard.arrive(value, ids, model=ids[0])
        elif what == "release" and (call := chosen(yard.served())):
            call.release()
        elif what == "leave" and (call := chosen(yard.waiting())):
            call.cancel()
        elif what in ("away", "back"):
            for endpoint in (yard.endpoints["e2"], yard.endpoints["e3"]):
                endpoint.reason = "is away" if what == "away" else None
                yard.acquire.wake(endpoint)
            yard.settle()
        elif what == "look":
            yard.acquire.look_again()
            yard.settle()


def _facts(call):
    lease = call.lease
    return (
        call.principal,
        None if lease is None else (lease.waited_s, lease.position, lease.is_released),
        type(call.error),
        [waiting.position for waiting in call.waiting],
    )


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, slots=st.integers(1, 3))
def test_calls_of_another_model_change_nothing(steps, slots):
    """Every lease, wait, place and error of my model's calls is the same, whether or not others call another model."""
    alone, beside = Play(False, slots), Play(True, slots)

    assert alone.run(steps) == beside.run(steps)


@settings(max_examples=150, deadline=None)
@given(order=st.lists(PRINCIPALS, min_size=2, max_size=30), weights=st.lists(st.sampled_from([0.5, 1, 2]), min_size=4, max_size=4))
def test_turns_are_shared_by_weight_among_any_number_of_callers(order, weights):
    """05098000-F12: while two callers wait, what each got, divided by its weight, differs by less than one turn of both."""
    weight = dict(zip("ABCD", weights, strict=True))
    yard = Yard([FakeEndpoint("e1")], LeastInFlight(), FairAdmission(), AdmissionSettings(queue_size=1000))
    first = yard.arrive("X")
    for principal in order:
        yard.arrive(principal, weight=weight[principal])
    left = {principal: order.count(principal) for principal in order}
    got = dict.fromkeys(left, 0)

    serving = first
    while yard.waiting():
        serving.release()
        serving = yard.served()[0]
        left[serving.principal] -= 1
        got[serving.principal] += 1
        busy = [principal for principal in left if left[principal]]
        for one in busy:
            for other in busy:
                ahead = got[one] / weight[one] - got[other] / weight[other]
                assert ahead <= 1 / weight[one] + 1 / weight[other]

    assert dict.fromkeys(left, 0) == left
    yard.close()
