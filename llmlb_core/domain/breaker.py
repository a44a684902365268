"""A circuit breaker: whether calls of one model may be sent to one endpoint, as far as its latest calls tell.

::

    closed ──failures──> open ──cool-down──> half_open ──the one call goes well──> closed
      │ 429                ^                     │
      v                    └─────it fails────────┘
    cooling_down ──Retry-After is over──> closed

Pure: it knows no clock and no endpoint; whoever keeps it says what happened, and when.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from attrs import define, field

BRIEF_S = 5.0
"""A cool-down up to here is waited for; for a longer one a call goes to its next target."""
MOST_COOLING_S = 60.0
"""Of what a server asks for with ``Retry-After``."""
COOLING_S = 1.0
"""Where a server says 429 and not for how long."""
PROBE_PAUSE_S = 1.0
"""How soon after a failure an open endpoint is tried where a model has nothing else."""
FORGET_S = 600.0
"""For so long failures count as being in a row, where nothing happens between them."""
JITTER = 0.2
"""Of a cool-down, which is shortened by up to that: endpoints that opened together are not tried in one moment."""
MOST_TOLD = 200


class BreakerState(StrEnum):
    """Of calls of one model at one endpoint."""

    CLOSED = "closed"
    COOLING_DOWN = "cooling_down"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Verdict(StrEnum):
    """What the end of a call says of the endpoint: ``neutral`` nothing, ``gone`` that it has not that model."""

    GOOD = "good"
    BAD = "bad"
    GONE = "gone"
    BUSY = "busy"
    NEUTRAL = "neutral"


class Thresholds(Protocol):
    """When a breaker opens, and for how long; ``[circuit_breaker]``."""

    @property
    def failure_count(self) -> int:
        """Failures in a row; 0 = however many."""

    @property
    def error_rate_0_1(self) -> float:
        """Share of failures; 0 = whatever it is."""

    @property
    def error_rate_calls(self) -> int:
        """Calls that there must have been before the share counts."""

    @property
    def window_s(self) -> float:
        """In so many seconds."""

    @property
    def open_s(self) -> float:
        """First cool-down; each time twice as long."""

    @property
    def max_open_s(self) -> float:
        """Longest."""


@define(eq=False)
class Window:
    """Calls and failures of the last seconds, in ten slots that are used again and again."""

    seconds: float
    _counts: list[list[float]] = field(factory=lambda: [[-1.0, 0, 0] for _ in range(10)])

    def add(self, now: float, *, is_failure: bool) -> None:
        """Count one call."""
        number = now * 10 // self.seconds
        slot = self._counts[int(number) % 10]
        if slot[0] != number:
            slot[:] = number, 0, 0
        slot[1] += 1
        slot[2] += is_failure

    def totals(self, now: float) -> tuple[int, int]:
        """Return calls and failures of the window that ends now."""
        oldest = now * 10 // self.seconds - 9
        slots = [slot for slot in self._counts if slot[0] >= oldest]
        return int(sum(slot[1] for slot in slots)), int(sum(slot[2] for slot in slots))


@define(eq=False)
class Breaker:
    """Calls of one model at one endpoint. Exists from the first failure until nothing is left to remember.

    Attributes:
        thresholds: When it opens.
        since: When the state began.
        until: When a cool-down ends; of no meaning in other states.
        probe_at: Since when an open one may be tried early, where the call has nothing else.
        is_brief: Whether the cool-down is so short that calls wait for it rather than go to another model.
        failure_count: In a row.
        open_count: How often it opened since it was closed last.
        failed_at: When it failed last.
        last_error: What with; for people who may read it, so without address or secret.
        probe: The one call that is let through while half-open; None = nobody's.
        is_continued: Whether an open one was tried early in vain: then it stays open for as long as it would have been.
    """

    thresholds: Thresholds
    chance: Callable[[], float]
    since: float
    state: BreakerState = BreakerState.CLOSED
    until: float = 0.0
    probe_at: float = 0.0
    is_brief: bool = False
    failure_count: int = 0
    open_count: int = 0
    failed_at: float = 0.0
    last_error: str = ""
    probe: object | None = None
    is_continued: bool = False
    _early_until: float = 0.0
    _window: Window = field(init=False)
    _then: BreakerState = BreakerState.CLOSED

    def __attrs_post_init__(self) -> None:
        """Make the window."""
        self._window = Window(self.thresholds.window_s)

    @property
    def is_blocked(self) -> bool:
        """Whether no call may be sent now, were there anything else."""
        return self.probe is not None or self.state in (BreakerState.OPEN, BreakerState.COOLING_DOWN)

    def may_probe(self, now: float) -> bool:
        """Whether a call may be sent that has nothing else."""
        return self.probe is None and (
            self.state is BreakerState.HALF_OPEN or (self.state is BreakerState.OPEN and now >= self.probe_at)
        )

    def is_quiet(self, now: float) -> bool:
        """Whether nothing need be remembered; also where nobody came to try for so long."""
        if self.state is BreakerState.HALF_OPEN:
            return self.probe is None and now - self.since > FORGET_S
        if self.state is not BreakerState.CLOSED:
            return False
        idle_s = now - self.failed_at
        return idle_s > FORGET_S or (not self.failure_count and idle_s > self.thresholds.window_s)

    def wait_s(self, now: float) -> float:
        """Return how soon, at the earliest, a call that has nothing else may be sent; 0 where that is now or nobody knows."""
        if self.state is BreakerState.OPEN:
            return max(0.0, self.probe_at - now)
        return max(0.0, self.until - now) if self.state is BreakerState.COOLING_DOWN else 0.0

    def begin(self, call: object, now: float) -> None:
        """Let *call* through: the only one until ``ended`` is told of it."""
        self.probe = call
        early_until = self.until if self.state is BreakerState.OPEN else 0.0
        if self.state is not BreakerState.HALF_OPEN:
            self._enter(BreakerState.HALF_OPEN, now)
        self._early_until = early_until

    def ended(self, call: object, verdict: Verdict, now: float, *, told: str = "", wait_s: float | None = None) -> None:
        """Learn from the end of *call*; where it is not the one that was let through, only a closed breaker does.

        Args:
            call: What ``begin`` was given, or any other.
            verdict: What its end says.
            now: The time.
            told: The error.
            wait_s: What the endpoint asked for with ``Retry-After``.
        """
        is_probe = call is self.probe
        if is_probe:
            self.probe = None
        elif self.state in (BreakerState.OPEN, BreakerState.HALF_OPEN):
            return  # it began before; what counts now is the call that is let through
        if verdict is Verdict.GOOD:
            self._went_well(now, is_probe=is_probe)
        elif verdict is Verdict.BUSY:
            self._cool(now, wait_s, told)
        elif verdict is not Verdict.NEUTRAL:
            self._failed(now, told, wait_s, is_certain=is_probe or verdict is Verdict.GONE)

    def half_open(self, now: float) -> bool:
        """Let one call try before its time, because a health check went well; return whether that changed anything."""
        if self.state is not BreakerState.OPEN:
            return False
        self._enter(BreakerState.HALF_OPEN, now)
        return True

    def tick(self, now: float) -> bool:
        """End a cool-down that is over; return whether one was."""
        if now < self.until or self.state not in (BreakerState.OPEN, BreakerState.COOLING_DOWN):
            return False
        self._enter(BreakerState.HALF_OPEN if self.state is BreakerState.OPEN else self._then, now)
        return True

    def reason(self, now: float) -> str:
        """Say why no call is sent, for people; clients may read it."""
        last = f", last: {self.last_error.rstrip('.')}" if self.last_error else ""
        times = f"{self.failure_count} failure{'s' if self.failure_count != 1 else ''}"
        if self.state is BreakerState.COOLING_DOWN:
            return f"asked for a pause, {max(0.0, self.until - now):.1f} s more{last}"
        if self.state is BreakerState.OPEN:
            return f"breaker open for {max(0.0, self.until - now):.1f} s more after {times}{last}"
        tried = "one call tries it now" if self.probe is not None else "the next call tries it"
        return f"breaker half-open after {times}, {tried}{last}"

    # --- inside -------------------------------------------------------------------------------------------------

    def _went_well(self, now: float, *, is_probe: bool) -> None:
        self.failure_count = 0
        if is_probe:
            # What failed before it closed is no reason to open it again.
            self._window = Window(self.thresholds.window_s)
            self.open_count = 0
            self._enter(BreakerState.CLOSED, now)
        self._window.add(now, is_failure=False)

    def _failed(self, now: float, told: str, wait_s: float | None, *, is_certain: bool) -> None:
        self.failure_count += 1
        self.failed_at = now
        self.last_error = told[:MOST_TOLD]
        self._window.add(now, is_failure=True)
        if is_certain or self._is_too_much(now):
            self._open(now, wait_s)

    def _is_too_much(self, now: float) -> bool:
        limits = self.thresholds
        if limits.failure_count and self.failure_count >= limits.failure_count:
            return True
        calls, failures = self._window.totals(now)
        return limits.error_rate_0_1 > 0 and calls >= limits.error_rate_calls and failures >= limits.error_rate_0_1 * calls

    def _open(self, now: float, wait_s: float | None) -> None:
        limits = self.thresholds
        if self._early_until > now:  # it was tried early, because a call had nothing else: that makes nothing worse
            until = self._early_until
            self._enter(BreakerState.OPEN, now)
            self.until, self.probe_at, self.is_continued = until, min(until, now + PROBE_PAUSE_S), True
            return
        usual_s = min(limits.max_open_s, limits.open_s * 2 ** min(self.open_count, 20)) * (1 - JITTER * self.chance())
        seconds = max(usual_s, min(wait_s or 0.0, limits.max_open_s))
        self.open_count += 1
        self._enter(BreakerState.OPEN, now)
        self.until = now + seconds
        self.probe_at = now + min(PROBE_PAUSE_S, seconds)

    def _cool(self, now: float, wait_s: float | None, told: str) -> None:
        seconds = min(MOST_COOLING_S, max(0.0, COOLING_S if wait_s is None else wait_s))
        if self.state is not BreakerState.COOLING_DOWN:
            # After it, one that was half-open has still to show that it answers.
            self._then = self.state
            self._enter(BreakerState.COOLING_DOWN, now)
        self.failed_at = now
        self.last_error = told[:MOST_TOLD]
        self.until = max(self.until, now + seconds)
        self.is_brief = self.until - now <= BRIEF_S

    def _enter(self, state: BreakerState, now: float) -> None:
        self.state, self.since = state, now
        self.until = self._early_until = 0.0
        self.is_brief = self.is_continued = False
