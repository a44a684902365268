"""What holds whatever happens: random arrivals, releases, cancellations, time-outs and changes of capacity."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from llmlb_admission_fair.policy import FairAdmission
from llmlb_router_basic.least_in_flight import LeastInFlight
from llmlb_router_basic.round_robin import RoundRobin
from llmlb_testing.yard import Arrival, FakeEndpoint, Yard

from llmlb_core.domain.endpoints import Outcome
from llmlb_core.errors import ModelLoading, NoEndpoint, QueueFull, QueueTimeout
from llmlb_core.settings.sections import AdmissionSettings

QUEUE_SIZE = 6
SETS = [("e1",), ("e2",), ("e1", "e2"), ("e2", "e3"), ("e1", "e2", "e3")]


class Traffic(RuleBasedStateMachine):
    """A small server under random traffic; ``FakeEndpoint`` itself refuses wrong counts."""

    @initialize(limits=st.tuples(*[st.integers(1, 3)] * 3), is_rotating=st.booleans())
    def open(self, limits, is_rotating):
        endpoints = [FakeEndpoint(f"e{index + 1}", limit) for index, limit in enumerate(limits)]
        router = RoundRobin() if is_rotating else LeastInFlight()
        admission = AdmissionSettings(queue_size=QUEUE_SIZE, queue_timeout_s=10)
        self.policy = FairAdmission()
        self.yard = Yard(endpoints, router, self.policy, admission)

    @rule(principal=st.sampled_from("ABC"), ids=st.sampled_from(SETS), deadline_s=st.sampled_from([3, 100]))
    def arrive(self, principal, ids, deadline_s):
        before = self.yard.waiting()

        call = self.yard.arrive(principal, ids, deadline_s=deadline_s)

        if call.is_served:
            taken = call.lease.endpoint.id
            assert not [other for other in before if taken in other.ids], "a new call passed somebody who waits for that slot"
        elif not call.is_waiting:
            assert isinstance(call.error, QueueFull | NoEndpoint | ModelLoading)
            assert not isinstance(call.error, QueueFull) or len(before) == QUEUE_SIZE
            assert not isinstance(call.error, ModelLoading) or len(before) >= 0.8 * QUEUE_SIZE

    @precondition(lambda self: self.yard.served())
    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def release(self, data, outcome):
        call = data.draw(st.sampled_from(self.yard.served()))
        self.expect_order(lambda: call.release(outcome))

    @precondition(lambda self: self.yard.waiting())
    @rule(data=st.data())
    def client_leaves(self, data):
        data.draw(st.sampled_from(self.yard.waiting())).cancel()

    @precondition(lambda self: self.yard.waiting() and self.yard.served())
    @rule(data=st.data(), is_leaving_first=st.booleans())
    def client_leaves_during_hand_over(self, data, is_leaving_first):
        leaving = data.draw(st.sampled_from(self.yard.waiting()))
        lease = data.draw(st.sampled_from(self.yard.served())).lease
        if is_leaving_first:
            leaving.task.cancel()
        lease.release(Outcome.COMPLETED)
        leaving.task.cancel()
        self.yard.settle()

        assert leaving.task.cancelled()

    @rule(seconds=st.sampled_from([0.5, 4, 11]))
    def time_passes(self, seconds):
        self.yard.advance(seconds)

        told = (QueueTimeout, QueueFull, NoEndpoint, ModelLoading, type(None))
        assert all(isinstance(call.error, told) for call in self.yard.arrivals)

    @rule(data=st.data(), limit=st.integers(0, 4), reason=st.sampled_from([None, None, "is away", "is loading"]))
    def capacity_changes(self, data, limit, reason):
        endpoint = data.draw(st.sampled_from(list(self.yard.endpoints.values())))
        endpoint.limit, endpoint.reason = limit, reason
        endpoint.is_loading = reason == "is loading"

        def wake():
            self.yard.acquire.wake(endpoint)
            self.yard.settle()

        self.expect_order(wake)

    def expect_order(self, act):
        """Act, then check that among calls of one principal for one set the earlier was served first."""
        before = self.yard.waiting()
        act()
        for call in [call for call in before if call.is_served]:
            earlier = [other for other in before if is_same_line(call, other) and other.number < call.number]
            assert all(other.is_served for other in earlier), "a later call of one principal was served first"

    @invariant()
    def counts_are_true(self):
        held = Counter(call.lease.endpoint.id for call in self.yard.served())
        stats = self.yard.acquire.stats()

        assert {key: held[key] for key in self.yard.endpoints} == {k: e.in_flight for k, e in self.yard.endpoints.items()}
        assert (len(self.yard.waiting()), held.total()) == (stats.waiting_count, stats.processing_count)
        assert stats.waiting_count <= QUEUE_SIZE

    @invariant()
    def no_slot_is_free_while_somebody_waits_for_it(self):
        free = {
            key for key, endpoint in self.yard.endpoints.items() if endpoint.reason is None and endpoint.in_flight < endpoint.limit
        }

        assert not [call for call in self.yard.waiting() if call.ids & free]

    @invariant()
    def nobody_waits_for_what_cannot_come(self):
        hopeless = {key for key, endpoint in self.yard.endpoints.items() if endpoint.reason is not None and not endpoint.is_loading}

        assert not [call for call in self.yard.waiting() if call.ids <= hopeless]

    @invariant()
    def counts_by_model_are_those_of_the_lines(self):
        assert len(self.yard.waiting()) == sum(self.yard.acquire.waiting_by_model.values())

    @invariant()
    def no_fault_is_counted_and_no_lease_dropped(self):
        assert ({}, 0) == (self.yard.acquire.fault_counts, self.yard.acquire.dropped_count)

    def teardown(self):
        """Whoever waits is served in the end, and nothing is left behind."""
        if not hasattr(self, "yard"):
            return
        for endpoint in self.yard.endpoints.values():
            endpoint.limit, endpoint.reason = max(endpoint.limit, 1), None
            self.yard.acquire.wake(endpoint)
        self.yard.settle()
        while self.yard.served():
            self.yard.served()[0].release()
        assert not self.yard.waiting()
        assert {0} == {endpoint.in_flight for endpoint in self.yard.endpoints.values()}
        assert not self.yard.acquire._lines._line_by_ids
        assert not self.policy._accounts
        self.yard.close()


def is_same_line(one: Arrival, other: Arrival) -> bool:
    return (one.principal, one.ids) == (other.principal, other.ids)


TestTraffic = Traffic.TestCase
TestTraffic.settings = hypothesis_settings(max_examples=150, stateful_step_count=40, deadline=None)
