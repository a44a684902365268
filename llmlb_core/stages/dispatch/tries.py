"""What one call has tried, and in which order it goes on: pure rules, without waiting for anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import define, field, frozen

from llmlb_core.contracts.endpoint import Endpoint
from llmlb_core.domain.endpoints import Target
from llmlb_core.errors import CallError
from llmlb_core.settings.sections import DispatchSettings
from llmlb_core.stages.dispatch.budget import RetryBudget

TOO_SLOW = "first_token_timeout"
SLACK_S = 0.02
"""After a ``Retry-After`` is over, so that whoever counts it, too, has seen it end."""


@frozen
class Step:
    """One way to go on.

    Attributes:
        rule: ``failover``, ``retry_same`` or ``fallback_model``; see ``Attempt``.
        target: What to lease.
        exclude: Ids of endpoints that are not to be leased.
        delay_s: To wait before, without a lease.
    """

    rule: str
    target: Target
    exclude: frozenset[str]
    delay_s: float = 0.0


@define
class Tries:
    """The attempts of one call. Made at its first failure: a call that goes well has none.

    Attributes:
        settings: Bounds.
        random: Returns a number from 0 to 1; for back-off.
        count: Attempts that failed.
        was_slow: Whether one was given up because its first content took too long: the next ones are waited for.
        barred: Ids of endpoints that get no further attempt of this call.
    """

    settings: DispatchSettings
    budget: RetryBudget
    random: Callable[[], float]
    count: int = 0
    was_slow: bool = False
    barred: set[str] = field(factory=set)
    _target: Target | None = None
    _counts: dict[str, int] = field(factory=dict)
    _spent: dict[str, int] = field(factory=dict)
    _not_before: dict[str, float] = field(factory=dict)
    _repeats: int = 0
    _is_too_long: bool = False
    _window: int | None = None

    @property
    def ids(self) -> frozenset[str]:
        """Of the endpoints where the call was tried."""
        return frozenset(self._counts)

    def failed(self, endpoint: Endpoint, target: Target, error: CallError, now: float) -> None:
        """Note that an attempt at *endpoint* failed with *error*."""
        self._note(endpoint, target)
        if error.about == "model":
            told = error.extras.get("context_tokens")
            self._too_long(endpoint, target, told if isinstance(told, int) else None)
            return
        if error.code == TOO_SLOW:
            self.was_slow = True
        wait_s, settings = error.retry_after_s, self.settings
        is_over = self._spent[endpoint.id] >= settings.max_attempts_per_endpoint
        is_long = wait_s is not None and wait_s > settings.max_retry_after_s
        if is_over or is_long or not error.may_pass or error.code == "model_not_found":
            self.barred.add(endpoint.id)
        elif wait_s is not None:
            self._not_before[endpoint.id] = now + wait_s + SLACK_S

    def too_long(self, endpoint: Endpoint, target: Target) -> None:
        """Note that *endpoint* refused the prompt as too long for the model: no endpoint of it is asked again."""
        self._note(endpoint, target)
        self._too_long(endpoint, target, None)

    def another_way(self, endpoint: Endpoint, target: Target) -> None:
        """Begin the order of endpoints anew, after what broke at *endpoint* was tried to be gone on with in another way.

        An endpoint that gave another answer is well, so it may be asked again; the bounds of the call hold over all ways.
        """
        self._target, self._counts, self._repeats = target, {endpoint.id: 1}, 0
        self.barred = {name for name, count in self._spent.items() if count >= self.settings.max_attempts_per_endpoint}

    def _note(self, endpoint: Endpoint, target: Target) -> None:
        self.count += 1
        self._target = target
        self._is_too_long = False
        self._counts[endpoint.id] = self._counts.get(endpoint.id, 0) + 1
        self._spent[endpoint.id] = self._spent.get(endpoint.id, 0) + 1
        self._not_before.pop(endpoint.id, None)

    def _too_long(self, endpoint: Endpoint, target: Target, told: int | None) -> None:
        self._is_too_long = True
        window = endpoint.context_tokens(target.model) or told
        self._window = max(self._window or 0, window or 0) or None

    def steps(self, targets: Sequence[Target], now: float, deadline_at: float) -> Iterator[Step]:
        """Yield the ways to go on, best first; the call takes the first that gives it a lease."""
        target = self._target
        assert target is not None, "nothing failed yet"
        if self.count >= self.settings.max_attempts:
            return
        if not self._is_too_long:
            target = _of_now(target, targets)
            yield from self._at_others("failover", target, now)
            yield from self._at_the_same(target, now, deadline_at)
        for later in _after(target, targets):
            if self._is_too_long and not self._is_larger(later):
                continue
            yield from self._at_others("fallback_model", later, now)
            again = self._excluded(later, now)
            if self._counts and any(each.id not in again and each.id in self._counts for each in later.endpoints):
                yield Step("fallback_model", later, again)

    def leased(self, step: Step, endpoint: Endpoint, now: float) -> None:
        """Note that *step* was taken, to *endpoint*."""
        if step.rule == "retry_same":
            self._repeats += 1
        if not self._is_free(endpoint):
            self.budget.spend(endpoint, now)

    def _at_others(self, rule: str, target: Target, now: float) -> Iterator[Step]:
        """Endpoints of *target* where the call has not been."""
        if any(endpoint.id not in self._counts for endpoint in target.endpoints):
            exclude = {*self._counts, *self.barred}
            exclude.update(each.id for each in target.endpoints if each.id not in exclude and not self._may_repeat(each, now))
            yield Step(rule, target, frozenset(exclude))

    def _at_the_same(self, target: Target, now: float, deadline_at: float) -> Iterator[Step]:
        """Those where it has been, after back-off or as they asked for."""
        exclude = self._excluded(target, now)
        waits: dict[str, float] = {}
        jitter_s: float | None = None
        for endpoint in target.endpoints:
            if endpoint.id not in exclude and endpoint.id in self._counts:
                at = self._not_before.get(endpoint.id)
                if at is not None:
                    waits[endpoint.id] = max(0.0, at - now)
                else:
                    jitter_s = self._jitter_s() if jitter_s is None else jitter_s
                    waits[endpoint.id] = jitter_s
        if waits:
            delay_s = min(waits.values())
            if now + delay_s < deadline_at:
                later = {name for name, wait_s in waits.items() if wait_s > delay_s}
                yield Step("retry_same", target, exclude | later, delay_s)

    def _excluded(self, target: Target, now: float) -> frozenset[str]:
        over = [each.id for each in target.endpoints if each.id not in self.barred and not self._may_repeat(each, now)]
        return frozenset((*self.barred, *over))

    def _may_repeat(self, endpoint: Endpoint, now: float) -> bool:
        return self._is_free(endpoint) or self.budget.allows(endpoint, now)

    def _is_free(self, endpoint: Endpoint) -> bool:
        """Whether the next attempt, at *endpoint*, is a call that moves rather than one more: the first to another endpoint."""
        return self.count < 2 and endpoint.id not in self._counts

    def _jitter_s(self) -> float:
        """Full jitter: anything from nothing to a bound that doubles."""
        settings = self.settings
        return self.random() * min(settings.max_back_off_s, settings.back_off_s * 2.0 ** min(self._repeats, 20))

    def _is_larger(self, target: Target) -> bool:
        """Whether a prompt that was too long may fit *target*: its window is larger, or nobody knows."""
        windows = [endpoint.context_tokens(target.model) for endpoint in target.endpoints]
        known = [window for window in windows if window is not None]
        return self._window is None or len(known) < len(windows) or max(known, default=0) > self._window


def _of_now(target: Target, targets: Sequence[Target]) -> Target:
    """Return the target of *target*'s model: those of a call that waited were looked up again."""
    return next((each for each in targets if each.model == target.model), target)


def _after(target: Target, targets: Sequence[Target]) -> Sequence[Target]:
    place = next((place for place, each in enumerate(targets) if each.model == target.model), -1)
    return targets[place + 1 :]
