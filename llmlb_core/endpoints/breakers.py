"""The circuit breakers of all endpoints: fed by the ends of calls and by health checks, looked at by routing and by people."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol

from llmlb_core.contracts.endpoint import Endpoint
from llmlb_core.domain.breaker import Breaker, BreakerState, Verdict
from llmlb_core.domain.endpoints import Outcome
from llmlb_core.errors import CallError, EndpointBusy
from llmlb_core.settings.sections import CircuitBreakerSettings

MOST_MODELS = 256
"""Breakers of one endpoint; of further models nothing is remembered until one of these closes."""
MOST_ENDPOINTS = 1000
"""Whose openings are counted by name; those of further ones are counted together."""
LEAST_S = 0.001
"""A timer may ring a moment early; the next one is not to ring in the same moment."""

_log = logging.getLogger("llmlb.endpoints")


class Timer(Protocol):
    """What ``call_later`` returns."""

    def cancel(self) -> None:
        """Forget it."""


class Breakers:
    """Every breaker that is not closed and forgotten. They stand on the endpoints; a timer exists while one is to change.

    Attributes:
        on_call_may_come: Called with an endpoint to which a call may be sent that could not before.
        on_trip: Called with an endpoint to which calls of some model are not sent any more.
        on_change: Called with endpoint, model and breaker, whenever its state has changed; to show it.
        opened_counts: How often one opened, by the endpoint's name.
    """

    def __init__(
        self,
        settings: CircuitBreakerSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], None]], Timer] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Begin with all closed.

        Args:
            settings: When they open, and for how long.
            clock: Seconds.
            call_later: Starts a timer; absent = the running loop's.
            chance: Between 0 and 1; shortens cool-downs.
        """
        self._settings = settings or CircuitBreakerSettings()
        self._clock, self._call_later, self._chance = clock, call_later, chance
        self._timers: dict[Breaker, Timer] = {}
        self._endpoints: dict[Endpoint, None] = {}
        self.on_call_may_come: list[Callable[[Endpoint], None]] = []
        self.on_trip: list[Callable[[Endpoint], None]] = []
        self.on_change: list[Callable[[Endpoint, str, Breaker], None]] = []
        self.on_success: dict[Endpoint, Callable[[], None]] = {}
        self.opened_counts: Counter[str] = Counter()

    @property
    def now(self) -> float:
        """The time, on the scale of every breaker."""
        return self._clock()

    # --- what feeds them ----------------------------------------------------------------------------------------

    def ended(self, endpoint: Endpoint, model: str, call: object, outcome: Outcome, error: CallError | None) -> None:
        """A lease was given back; called where it failed, or where the endpoint's ``breakers`` are looked at.

        Args:
            endpoint: Where it ran.
            model: What it ran.
            call: The lease.
            outcome: A client that left says nothing of the endpoint.
            error: What it failed with.
        """
        verdict = verdict_of(outcome, error)
        if verdict is Verdict.GOOD and self.on_success:
            told = self.on_success.pop(endpoint, None)
            if told is not None:
                told()
        known = endpoint.breakers
        breaker = None if known is None else known.get(model)
        now = self._clock()
        if breaker is None:
            if verdict in (Verdict.GOOD, Verdict.NEUTRAL):
                self._tidy(endpoint, now)
                return
            breaker = self._new(endpoint, model, now)
            if breaker is None:
                return
        before = breaker.state
        wait_s = None if error is None else error.retry_after_s
        breaker.ended(call, verdict, now, told="" if error is None else error.message, wait_s=wait_s)
        self._note(endpoint, model, breaker, before)
        self._tidy(endpoint, now)

    def begin(self, endpoint: Endpoint, model: str, call: object) -> bool:
        """A lease was given; return whether it is the one call that a half-open breaker lets through."""
        tripped = endpoint.tripped
        breaker = None if tripped is None else tripped.get(model)
        if breaker is None:
            return False
        before = breaker.state
        breaker.begin(call, self._clock())
        self._note(endpoint, model, breaker, before)
        return True

    def checked_well(self, endpoint: Endpoint) -> None:
        """A health check of *endpoint* went well: what is open is tried before its time."""
        for model, breaker in [*(endpoint.tripped or {}).items()]:
            before = breaker.state
            if breaker.half_open(self._clock()):
                self._note(endpoint, model, breaker, before)
                self._tell(self.on_call_may_come, endpoint)

    def tell_success(self, endpoint: Endpoint, told: Callable[[], None]) -> None:
        """Call *told* when the next call of *endpoint* has gone well; of one that is not asked how it is, only that tells."""
        self.on_success[endpoint] = told
        if endpoint.breakers is None:
            endpoint.breakers = {}

    def forget(self, endpoint: Endpoint) -> None:
        """Tell no more of *endpoint*'s success."""
        self.on_success.pop(endpoint, None)
        self._tidy(endpoint, self._clock())

    def stop(self) -> None:
        """Cancel every timer."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    # --- what looks at them -------------------------------------------------------------------------------------

    def all(self) -> Iterator[tuple[Endpoint, str, Breaker]]:
        """Yield every breaker that remembers something, by endpoint."""
        now = self._clock()
        for endpoint in [*self._endpoints]:
            self._tidy(endpoint, now)
            for model, breaker in [*(endpoint.breakers or {}).items()]:
                yield endpoint, model, breaker

    # --- inside -------------------------------------------------------------------------------------------------

    def _new(self, endpoint: Endpoint, model: str, now: float) -> Breaker | None:
        known = endpoint.breakers
        if known is None:
            known = endpoint.breakers = {}
        if len(known) >= MOST_MODELS:
            self._tidy(endpoint, now)
        if len(self._endpoints) >= MOST_ENDPOINTS:
            for each in [*self._endpoints]:
                self._tidy(each, now)
        if len(known) >= MOST_MODELS:
            return None
        self._endpoints[endpoint] = None
        endpoint.breakers = known  # looking for what is quiet may have taken it away
        breaker = known[model] = Breaker(self._settings, self._chance, now)
        return breaker

    def _tidy(self, endpoint: Endpoint, now: float) -> None:
        """Forget what is closed and quiet."""
        known = endpoint.breakers
        if known is None:
            return
        for model in [model for model, breaker in known.items() if breaker.is_quiet(now)]:
            del known[model]
            self._untrip(endpoint, model)
        if not known:
            self._endpoints.pop(endpoint, None)
            if endpoint not in self.on_success:
                endpoint.breakers = None

    def _note(self, endpoint: Endpoint, model: str, breaker: Breaker, before: BreakerState) -> None:
        """Bring a change to the endpoint, to the timers, and to whoever wants to know."""
        state = breaker.state
        if state is BreakerState.CLOSED:
            self._untrip(endpoint, model)
        elif endpoint.tripped is None:
            endpoint.tripped = {model: breaker}
        else:
            endpoint.tripped[model] = breaker
        if state in (BreakerState.OPEN, BreakerState.COOLING_DOWN):
            self._start_timer(endpoint, model, breaker)
        else:
            self._stop_timer(breaker)
        if state is before:
            return
        if state is BreakerState.OPEN and not breaker.is_continued:
            known = endpoint.name in self.opened_counts or len(self.opened_counts) < MOST_ENDPOINTS
            self.opened_counts[endpoint.name if known else "other"] += 1
        _write(endpoint, model, breaker, before, self._clock())
        for callback in self.on_change:
            callback(endpoint, model, breaker)
        if before is BreakerState.CLOSED or state is BreakerState.OPEN:
            self._tell(self.on_trip, endpoint)

    def _untrip(self, endpoint: Endpoint, model: str) -> None:
        tripped = endpoint.tripped
        if tripped is not None and tripped.pop(model, None) is not None and not tripped:
            endpoint.tripped = None

    def _start_timer(self, endpoint: Endpoint, model: str, breaker: Breaker) -> None:
        """Ring when it may be tried early, then when its cool-down is over."""
        self._stop_timer(breaker)
        now = self._clock()
        at = breaker.probe_at if breaker.state is BreakerState.OPEN and now < breaker.probe_at else breaker.until
        call_later = self._call_later
        if call_later is None:
            try:
                call_later = asyncio.get_running_loop().call_later
            except RuntimeError:  # a lease was dropped after the loop had ended; nothing waits any more
                return
        self._timers[breaker] = call_later(max(LEAST_S, at - now), lambda: self._ring(endpoint, model, breaker))

    def _stop_timer(self, breaker: Breaker) -> None:
        timer = self._timers.pop(breaker, None)
        if timer is not None:
            timer.cancel()

    def _ring(self, endpoint: Endpoint, model: str, breaker: Breaker) -> None:
        self._timers.pop(breaker, None)
        before = breaker.state
        breaker.tick(self._clock())
        self._note(endpoint, model, breaker, before)
        self._tell(self.on_call_may_come, endpoint)

    def _tell(self, callbacks: list[Callable[[Endpoint], None]], endpoint: Endpoint) -> None:
        for callback in callbacks:
            callback(endpoint)


def verdict_of(outcome: Outcome, error: CallError | None) -> Verdict:
    """Return what the end of a call says of the endpoint that it ran at."""
    if error is None:
        return Verdict.GOOD if outcome is Outcome.COMPLETED else Verdict.NEUTRAL
    if isinstance(error, EndpointBusy):
        return Verdict.BUSY
    if error.about != "endpoint" or error.code == "model_loading":
        return Verdict.NEUTRAL  # about the request, or the model; or it is there in a while
    return Verdict.GONE if error.code == "model_not_found" else Verdict.BAD


def _write(endpoint: Endpoint, model: str, breaker: Breaker, before: BreakerState, now: float) -> None:
    """Log what changed."""
    facts: dict[str, object] = {"endpoint": endpoint.name, "model": model, "before": str(before)}
    if breaker.state is BreakerState.OPEN and not breaker.is_continued:
        facts |= {"failures": breaker.failure_count, "for_s": round(breaker.until - now, 1), "reason": breaker.last_error}
        _log.warning("breaker_opened", extra={"facts": facts})
    elif breaker.state is BreakerState.CLOSED:
        _log.info("breaker_closed", extra={"facts": facts})
    else:
        _log.debug(f"breaker_{breaker.state}", extra={"facts": facts})
