"""Waiting for something to load, and for what does not come."""

from __future__ import annotations

import pytest
from llmlb_admission_fair.policy import FairAdmission
from llmlb_router_basic.least_in_flight import LeastInFlight
from llmlb_testing.yard import FakeEndpoint, Yard

from llmlb_core.domain.endpoints import Target
from llmlb_core.errors import ModelLoading, ModelNotFound, NoEndpoint, QueueTimeout
from llmlb_core.settings.sections import AdmissionSettings


def loading(endpoint_id: str, limit: int = 1) -> FakeEndpoint:
    """An endpoint that answers, and cannot serve yet."""
    endpoint = FakeEndpoint(endpoint_id, limit)
    endpoint.reason, endpoint.is_loading = "is still loading its model", True
    return endpoint


def loaded(yard: Yard, endpoint_id: str) -> None:
    """It has loaded, and the stage is told."""
    endpoint = yard.endpoints[endpoint_id]
    endpoint.reason, endpoint.is_loading = None, False
    yard.acquire.wake(endpoint)
    yard.settle()


def gone(yard: Yard, endpoint_id: str, reason: str = "is offline") -> None:
    """It takes no calls any more, and the stage is told."""
    endpoint = yard.endpoints[endpoint_id]
    endpoint.reason, endpoint.is_loading = reason, False
    yard.acquire.wake(endpoint)
    yard.settle()


@pytest.fixture
def make_yard():
    yards = []

    def make(*endpoints, **settings):
        yards.append(Yard(endpoints, LeastInFlight(), FairAdmission(), AdmissionSettings(**settings)))
        return yards[-1]

    yield make
    for yard in yards:
        yard.close()


def test_a_call_waits_while_all_candidates_load(make_yard):
    """35375000-E1: it is served in the step in which the first of them has loaded."""
    yard = make_yard(loading("e1"), loading("e2"))
    call = yard.arrive()
    yard.advance(29)

    loaded(yard, "e2")

    assert ("e2", 29.0, 1) == (call.lease.endpoint.id, call.lease.waited_s, call.lease.position)


def test_loading_that_takes_too_long_is_503(make_yard):
    """Decisions: 503 and Retry-After after 30 s; the error says that loading is why."""
    yard = make_yard(loading("e1"), loading("e2"))
    call = yard.arrive()

    yard.advance(30)

    assert isinstance(call.error, ModelLoading)
    assert (503, "model_loading", 10) == (call.error.status, call.error.code, call.error.retry_after_s)
    assert "'m' is still loading on all 2 endpoints that have it, after 30 s" in str(call.error)
    assert (0, 1) == (yard.acquire.stats().waiting_count, yard.acquire.stats().timeout_count)


def test_what_has_loaded_and_is_busy_is_waited_for_as_anything_busy(make_yard):
    """The 30 s are for loading; from then on it is the queue's own time-out, counted from the arrival."""
    yard = make_yard(loading("e1"), queue_timeout_s=60)
    first, second = yard.arrive(), yard.arrive()
    yard.advance(20)
    loaded(yard, "e1")

    yard.advance(39)
    after_59_s = second.is_waiting
    yard.advance(1)

    assert (True, True) == (first.is_served, after_59_s)
    assert isinstance(second.error, QueueTimeout)
    assert {"waited_secs": 60} == second.error.extras


def test_what_is_restarted_while_a_call_waits_is_told_as_loading(make_yard):
    """The reason is that of the end of the wait."""
    yard = make_yard(FakeEndpoint("e1"), queue_timeout_s=60)
    yard.arrive()
    call = yard.arrive()
    endpoint = yard.endpoints["e1"]

    endpoint.reason, endpoint.is_loading = "is still loading its model", True
    yard.acquire.wake(endpoint)
    yard.advance(60)

    assert isinstance(call.error, ModelLoading)


def test_a_call_never_waits_for_loading_beyond_its_own_deadline(make_yard):
    """The shortest of the limits counts."""
    yard = make_yard(loading("e1"))
    call = yard.arrive(deadline_s=5)

    yard.advance(5)

    assert isinstance(call.error, ModelLoading)


def test_what_is_ready_is_not_passed_over_for_what_loads(make_yard):
    """With one routable candidate there is no warm-up; one that is busy is waited for, and what has loaded serves too."""
    yard = make_yard(FakeEndpoint("e1"), loading("e2"))
    first, second = yard.arrive(), yard.arrive()

    loaded(yard, "e2")

    assert ("e1", "e2") == (first.lease.endpoint.id, second.lease.endpoint.id)


@pytest.mark.parametrize(("waiting_count", "is_let_in"), [(7, True), (8, False)])
def test_from_80_percent_on_nobody_begins_to_wait_for_loading(make_yard, waiting_count, is_let_in):
    """35375000-F3, E1: 503 queue_full with Retry-After, early; what is left of the queue is for calls that can be served."""
    yard = make_yard(loading("e1"), FakeEndpoint("e2"), queue_size=10)
    for _ in range(1 + waiting_count):
        yard.arrive(ids=["e2"])

    call = yard.arrive(ids=["e1"])
    other = yard.arrive(ids=["e2"])

    assert (is_let_in, True) == (call.is_waiting, other.is_waiting)
    if not is_let_in:
        error = call.error
        assert (503, "service_unavailable", "queue_full", 5) == (error.status, error.type, error.code, error.retry_after_s)
        assert {"retry_after": 5} == error.extras
        assert 1 == yard.acquire.stats().rejected_count


def test_waiters_are_told_at_once_when_everything_goes_away(make_yard):
    """35375000-E3: 503 with the reasons and Retry-After, not a wait for the whole time-out."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    running = [yard.arrive(), yard.arrive()]
    call = yard.arrive()

    gone(yard, "e1")
    after_one = call.is_waiting
    gone(yard, "e2", "failed its last health check")

    assert after_one
    assert isinstance(call.error, NoEndpoint)
    assert (503, 5) == (call.error.status, call.error.retry_after_s)
    assert "e1: is offline; e2: failed its last health check." in str(call.error)
    for each in running:
        each.release()


def test_waiters_stay_while_one_of_theirs_loads(make_yard):
    """It may come within the time-out; when it fails instead, they are told."""
    yard = make_yard(FakeEndpoint("e1"), loading("e2"))
    yard.arrive()
    call = yard.arrive()

    gone(yard, "e1")
    while_it_loads = call.is_waiting
    gone(yard, "e2")

    assert while_it_loads
    assert isinstance(call.error, NoEndpoint)


def test_waiters_go_to_a_fallback_when_theirs_goes_away(make_yard):
    """05098000-E2: another target serves them, as it would serve a new call."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    main, spare = Target("m", (yard.endpoints["e1"],)), Target("n", (yard.endpoints["e2"],))
    yard.arrive(ids=["e1"])
    call = yard.arrive(ids=["e1"], look=lambda: [main, spare])

    gone(yard, "e1")

    assert ("e2", "n") == (call.lease.endpoint.id, call.lease.target.model)


def test_an_endpoint_that_is_added_serves_those_who_wait_already(make_yard):
    """An operator adds a server because there is a queue; places are kept."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    yard.arrive(ids=["e1"])
    known = [Target("m", (yard.endpoints["e1"],))]
    waiting = [yard.arrive(name, ids=["e1"], look=lambda: known) for name in "BC"]
    both = Target("m", (yard.endpoints["e1"], yard.endpoints["e2"]))

    known[0] = both
    yard.acquire.look_again()
    yard.settle()
    late = yard.arrive("D")

    assert [True, False, False] == [call.is_served for call in (*waiting, late)]
    waiting[0].release()
    assert [True, False] == [call.is_served for call in (waiting[1], late)]


def test_an_endpoint_that_is_removed_is_waited_for_no_more(make_yard):
    """Whoever has others waits for those; whoever has none is told what a new call would be told."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"))
    running = [yard.arrive(ids=["e1"]), yard.arrive(ids=["e2"])]
    both = Target("m", (yard.endpoints["e1"], yard.endpoints["e2"]))
    only_2 = Target("m", (yard.endpoints["e2"],))
    looks = {"two": [both], "one": [Target("n", (yard.endpoints["e1"],))]}

    def look_for_one():
        if not looks["one"]:
            raise ModelNotFound("model 'n' is not served here")
        return looks["one"]

    two = yard.arrive(look=lambda: looks["two"])
    one = yard.arrive(ids=["e1"], model="n", look=look_for_one)
    looks["two"], looks["one"] = [only_2], []
    yard.endpoints["e1"].reason = "was removed"
    yard.acquire.look_again()
    yard.settle()

    assert isinstance(one.error, ModelNotFound)
    assert two.is_waiting
    running[1].release()
    assert "e2" == two.lease.endpoint.id


def test_one_model_may_not_fill_the_queue(make_yard):
    """``model_queue_size``: 429 for the model whose calls wait, room for all others."""
    yard = make_yard(FakeEndpoint("e1"), FakeEndpoint("e2"), queue_size=10, model_queue_size=2)
    for _ in range(3):
        yard.arrive(ids=["e1"], model="slow")
    yard.arrive(ids=["e2"], model="quick")

    refused, let_in = yard.arrive(ids=["e1"], model="slow"), yard.arrive(ids=["e2"], model="quick")

    assert (429, "queue_full") == (refused.error.status, refused.error.code)
    assert "'slow' is busy and 2 calls wait already" in str(refused.error)
    assert let_in.is_waiting
    assert {"slow": 2, "quick": 1} == yard.acquire.waiting_by_model


@pytest.mark.parametrize(
    ("waiting_count", "expected"), [(0, "normal"), (4, "normal"), (5, "warning"), (7, "warning"), (8, "overloaded")]
)
def test_pressure_is_said_in_words(make_yard, waiting_count, expected):
    """35375000: from 50 % ``warning``, from 80 % ``overloaded``."""
    yard = make_yard(FakeEndpoint("e1"), queue_size=10)
    for _ in range(1 + waiting_count):
        yard.arrive()

    assert expected == yard.acquire.pressure


def test_a_call_that_would_have_to_wait_can_be_told_where(make_yard):
    """For explanations: position and estimate, without standing there."""
    yard = make_yard(FakeEndpoint("e1"))
    first = yard.arrive()
    yard.advance(2)
    first.release()
    for _ in range(3):
        yard.arrive()
    target = Target("m", tuple(yard.endpoints.values()))

    outlook = yard.acquire.outlook([target])
    gone(yard, "e1")

    assert (3, 6.0) == (outlook.position, outlook.estimate_s)
    assert yard.acquire.outlook([target]) is None
