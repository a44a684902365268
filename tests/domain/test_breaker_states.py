"""The circuit breaker alone: what opens it, what it lets through, what closes it (streams.md, rule 5)."""

from __future__ import annotations

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llmlb_core.domain.breaker import FORGET_S, MOST_COOLING_S, PROBE_PAUSE_S, Breaker, BreakerState, Verdict
from llmlb_core.domain.endpoints import Outcome
from llmlb_core.endpoints.breakers import verdict_of
from llmlb_core.errors import ContextLengthExceeded, EndpointBusy, EndpointFailed, EndpointTimeout, InvalidRequest
from llmlb_core.settings.sections import CircuitBreakerSettings

NOW = 1000.0


def make(**settings: float) -> Breaker:
    return Breaker(CircuitBreakerSettings(**settings), lambda: 0.0, NOW)


def fail(breaker: Breaker, count: int, now: float = NOW) -> None:
    for number in range(count):
        breaker.ended(number, Verdict.BAD, now, told="it broke")


def test_five_failures_in_a_row_open_it():
    """Four do not."""
    breaker = make()

    fail(breaker, 4)
    before = breaker.state
    fail(breaker, 1)

    assert (BreakerState.CLOSED, BreakerState.OPEN) == (before, breaker.state)
    assert "breaker open for 5.0 s more after 5 failures, last: it broke" == breaker.reason(NOW)


def test_a_success_between_failures_ends_the_row():
    """Nine failures with a success after the fourth: the row begins anew."""
    breaker = make()

    fail(breaker, 4)
    breaker.ended(0, Verdict.GOOD, NOW)
    fail(breaker, 4)

    assert BreakerState.CLOSED is breaker.state


def test_half_of_twenty_calls_open_it():
    """Failures and successes in turn: the twentieth call, which fails, opens it, and no call before that."""
    breaker = make()

    states = []
    for number in range(20):
        breaker.ended(number, Verdict.BAD if number % 2 else Verdict.GOOD, NOW + number)
        states.append(breaker.state)

    assert [BreakerState.CLOSED] * 19 + [BreakerState.OPEN] == states


def test_what_is_older_than_the_window_does_not_count():
    """Nineteen calls, half of which failed, then a minute of quiet, then one failure."""
    breaker = make()

    for number in range(19):
        breaker.ended(number, Verdict.BAD if number % 2 else Verdict.GOOD, NOW)
    breaker.ended(19, Verdict.BAD, NOW + 60)

    assert BreakerState.CLOSED is breaker.state


def test_each_opening_lasts_twice_as_long_up_to_a_minute():
    """5, 10, 20, 40, 60, 60 s; after a success it begins with 5 again."""
    breaker, now, lasted = make(), NOW, []

    fail(breaker, 5)
    for number in range(6):
        lasted.append(breaker.until - now)
        now = breaker.until
        assert breaker.tick(now)
        breaker.begin(number, now)
        breaker.ended(number, Verdict.BAD, now)
    now = breaker.until
    breaker.tick(now)
    breaker.begin("good", now)
    breaker.ended("good", Verdict.GOOD, now)
    fail(breaker, 5, now)

    assert [5, 10, 20, 40, 60, 60] == lasted
    assert 5 == breaker.until - now


def test_a_call_that_tries_early_in_vain_makes_nothing_worse():
    """It stays open for as long as it would have been, and is tried again a second later."""
    breaker = make()
    fail(breaker, 5)

    breaker.begin("early", NOW + 1)
    breaker.ended("early", Verdict.BAD, NOW + 2)

    assert (BreakerState.OPEN, NOW + 5, NOW + 3, 1) == (breaker.state, breaker.until, breaker.probe_at, breaker.open_count)


def test_429_is_a_cool_down_and_no_failure():
    """Ten of them never open it; it is over when ``Retry-After`` is, after a second where nothing is said, and after a minute."""
    silent, patient = make(), make()

    for number in range(10):
        silent.ended(number, Verdict.BUSY, NOW)
    patient.ended(0, Verdict.BUSY, NOW, wait_s=3600)

    assert (BreakerState.COOLING_DOWN, 0) == (silent.state, silent.failure_count)
    assert (NOW + 1, True) == (silent.until, silent.is_brief)
    assert (NOW + MOST_COOLING_S, False) == (patient.until, patient.is_brief)
    assert silent.tick(NOW + 1)
    assert BreakerState.CLOSED is silent.state


def test_a_busy_answer_to_the_one_call_lets_another_one_try():
    """A server that answers 429 while half-open is neither well nor broken: after its pause one more call is let through."""
    breaker = make()
    fail(breaker, 5)

    breaker.tick(NOW + 5)
    breaker.begin("probe", NOW + 5)
    breaker.ended("probe", Verdict.BUSY, NOW + 5, wait_s=2)
    cooling = breaker.state
    breaker.tick(NOW + 7)

    assert (BreakerState.COOLING_DOWN, BreakerState.HALF_OPEN, False) == (cooling, breaker.state, breaker.is_blocked)


def test_a_client_that_leaves_the_one_call_lets_another_one_try():
    """It said nothing of the endpoint."""
    breaker = make()
    fail(breaker, 5)
    breaker.tick(NOW + 5)
    breaker.begin("probe", NOW + 5)

    breaker.ended("probe", Verdict.NEUTRAL, NOW + 6)

    assert (BreakerState.HALF_OPEN, False) == (breaker.state, breaker.is_blocked)


def test_calls_from_before_it_opened_neither_close_nor_reopen_it():
    """Only the call that is let through tells."""
    breaker = make()
    fail(breaker, 5)

    breaker.ended("old", Verdict.GOOD, NOW + 1)
    fail(breaker, 5, NOW + 1)

    assert (BreakerState.OPEN, NOW + 5) == (breaker.state, breaker.until)


def test_a_model_that_is_gone_opens_at_once():
    """The server said so itself."""
    breaker = make()

    breaker.ended(0, Verdict.GONE, NOW)

    assert BreakerState.OPEN is breaker.state


def test_a_good_health_check_shortens_the_cool_down():
    """An open one becomes half-open; a closed one stays."""
    breaker, closed = make(), make()
    fail(breaker, 5)

    assert (True, False) == (breaker.half_open(NOW + 1), closed.half_open(NOW + 1))
    assert BreakerState.HALF_OPEN is breaker.state


@pytest.mark.parametrize(
    ("failures", "state", "later_s", "is_quiet"),
    [(1, BreakerState.CLOSED, 1, False), (1, BreakerState.CLOSED, FORGET_S + 1, True), (5, BreakerState.OPEN, FORGET_S + 1, False)],
)
def test_nothing_is_remembered_for_ever(failures, state, later_s, is_quiet):
    """Failures of ten minutes ago are forgotten; what is open is not, until its time is over."""
    breaker = make()
    fail(breaker, failures)

    assert (state, is_quiet) == (breaker.state, breaker.is_quiet(NOW + later_s))


@pytest.mark.parametrize(
    ("outcome", "error", "verdict"),
    [
        (Outcome.COMPLETED, None, Verdict.GOOD),
        (Outcome.CANCELLED, None, Verdict.NEUTRAL),
        (Outcome.FAILED, EndpointFailed("x"), Verdict.BAD),
        (Outcome.FAILED, EndpointTimeout("x"), Verdict.BAD),
        (Outcome.FAILED, EndpointBusy("x"), Verdict.BUSY),
        (Outcome.FAILED, EndpointFailed("x", code="model_not_found"), Verdict.GONE),
        (Outcome.FAILED, EndpointFailed("x", code="model_loading"), Verdict.NEUTRAL),
        (Outcome.FAILED, InvalidRequest("x"), Verdict.NEUTRAL),
        (Outcome.FAILED, ContextLengthExceeded(prompt_tokens=9, context_tokens=8), Verdict.NEUTRAL),
    ],
)
def test_what_an_end_says_of_the_endpoint(outcome, error, verdict):
    """Errors of the request and clients that leave say nothing."""
    assert verdict is verdict_of(outcome, error)


class Life(RuleBasedStateMachine):
    """A breaker under random ends of calls and a clock that only goes on."""

    @initialize(failure_count=st.integers(0, 6), error_rate_calls=st.integers(1, 30))
    def begin_life(self, failure_count, error_rate_calls):
        self.breaker = make(failure_count=failure_count, error_rate_calls=error_rate_calls)
        self.now, self.calls = NOW, 0
        self.running: list[int] = []
        self.probe: int | None = None

    @rule()
    def a_call_comes(self):
        breaker, self.calls = self.breaker, self.calls + 1
        if breaker.state is BreakerState.CLOSED:
            self.running.append(self.calls)
        elif breaker.may_probe(self.now):
            assert self.probe is None, "two calls at a time through a half-open breaker"
            breaker.begin(self.calls, self.now)
            self.probe = self.calls

    @precondition(lambda self: self.running)
    @rule(data=st.data(), verdict=st.sampled_from(Verdict))
    def an_old_call_ends(self, data, verdict):
        state, call = self.breaker.state, data.draw(st.sampled_from(self.running))
        self.running.remove(call)
        self.breaker.ended(call, verdict, self.now, wait_s=data.draw(st.sampled_from([None, 0, 3, 1e9])))
        if state in (BreakerState.OPEN, BreakerState.HALF_OPEN):
            assert state is self.breaker.state

    @precondition(lambda self: self.probe is not None)
    @rule(verdict=st.sampled_from(Verdict))
    def the_one_call_ends(self, verdict):
        self.breaker.ended(self.probe, verdict, self.now)
        self.probe = None
        expected = {
            Verdict.GOOD: BreakerState.CLOSED,
            Verdict.BAD: BreakerState.OPEN,
            Verdict.GONE: BreakerState.OPEN,
            Verdict.BUSY: BreakerState.COOLING_DOWN,
            Verdict.NEUTRAL: BreakerState.HALF_OPEN,
        }
        assert expected[verdict] is self.breaker.state

    @rule(seconds=st.sampled_from([0.1, 1, 7, 100]))
    def time_passes(self, seconds):
        self.now += seconds
        self.breaker.tick(self.now)

    @rule()
    def a_check_goes_well(self):
        self.breaker.half_open(self.now)

    @invariant()
    def waits_are_bounded(self):
        breaker = getattr(self, "breaker", None)
        if breaker is not None and breaker.state in (BreakerState.OPEN, BreakerState.COOLING_DOWN):
            assert 0 < breaker.until - self.now <= MOST_COOLING_S or breaker.until == self.now
            assert breaker.wait_s(self.now) <= (PROBE_PAUSE_S if breaker.state is BreakerState.OPEN else MOST_COOLING_S)


Life.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=50, deadline=None)
TestBreakerLife = Life.TestCase
