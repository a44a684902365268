"""Trying a call at one endpoint after another, until content comes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from attrs import frozen

from llmlb_core.domain.calls import MEDIA, Call
from llmlb_core.domain.endpoints import Outcome, Target
from llmlb_core.domain.records import Record
from llmlb_core.errors import CallError, ModelLoading, NoEndpoint, QueueFull, QueueTimeout
from llmlb_core.settings.sections import DispatchSettings
from llmlb_core.stages.acquire import Acquire, Lease
from llmlb_core.stages.dispatch.answer import Answer
from llmlb_core.stages.dispatch.attempt import ALONE, WindowTooSmall, attempt
from llmlb_core.stages.dispatch.budget import RetryBudget
from llmlb_core.stages.dispatch.failure import Failure, last_word
from llmlb_core.stages.dispatch.hedge import Hedge, HedgeFailed
from llmlb_core.stages.dispatch.patience import SLOW_S, Patience, has_other
from llmlb_core.stages.dispatch.tries import Step, Tries

Opener = Callable[[Call, Lease], Awaitable[Answer]]
_NOBODY: frozenset[str] = frozenset()


@frozen
class _Course:
    """A call on its way through further attempts; see ``Dispatch.another`` for *opener* and *rule*."""

    call: Call
    targets: Sequence[Target]
    record: Record
    tries: Tries
    opener: Opener | None = None
    rule: str = ""


class Dispatch:
    """Opens the call at the leased endpoint; after a failure that allows it, at another one, then at other models.

    Whatever it waits for ends with the call's deadline, which cancels the call's task. No lease is held while it waits.
    """

    def __init__(
        self,
        acquire: Acquire,
        settings: DispatchSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        """Get further leases from *acquire*.

        Args:
            acquire: The stage before this one.
            settings: Bounds; absent = the defaults.
            clock: Seconds, on the scale of ``Call.deadline_at``.
            sleep: Waits.
            random: Returns a number from 0 to 1, for back-off.
        """
        self._acquire = acquire
        self._settings = settings = settings or DispatchSettings()
        self._clock, self._sleep, self._random = clock, sleep, random
        self._budget = RetryBudget(settings.retry_budget_0_1, settings.retry_floor)
        self._patience = Patience()
        self._hedge = Hedge(acquire, settings.hedge_0_1, clock) if settings.hedge and settings.hedge_0_1 else None

    async def __call__(self, call: Call, targets: Sequence[Target], lease: Lease, record: Record) -> Answer:
        """Return an answer whose first content is there. Owns *lease* from the first moment.

        Raises:
            CallError: What the last attempt failed with.
        """
        endpoint = lease.endpoint
        endpoint.call_count += 1
        began_at = self._clock()
        limit_s = ALONE
        try:
            if not call.stream or call.route.operation in MEDIA:  # sound and pictures are not slow as text is
                return await attempt(call, lease, 0.0)
            if has_other(endpoint, lease.target, targets, _NOBODY):
                limit_s = self._patience.limit_s(endpoint, len(call.body))
            if self._hedge is not None:
                answer = await self._hedge(call, lease, limit_s, record)
            else:
                answer = await attempt(call, lease, limit_s)
                if limit_s < ALONE:
                    seconds = self._clock() - began_at
                    if seconds >= SLOW_S or self._patience.knows_any:
                        self._patience.note(endpoint, len(call.body), seconds)
        except (CallError, WindowTooSmall) as error:
            failures = [Failure(lease, error, began_at)]
        except HedgeFailed as both:
            failures = both.failures
        else:
            return answer
        return await self._go_on(_Course(call, targets, record, self._tries()), failures)

    async def another(  # noqa: PLR0917  # each is a thing of its own, and there is one caller
        self,
        call: Call,
        targets: Sequence[Target],
        answer: Answer,
        error: CallError,
        record: Record,
        opener: Opener,
        rule: str = "replay",
        *,
        is_told: bool = False,
    ) -> Answer:
        """Return what *opener* makes of a further candidate, after *answer* was committed and broke with *error*.

        Candidates come in the same order and within the same bounds as before the commit. The lease of *answer* is given back
        here; *opener* owns the lease that it is called with, and gives it back where it raises.

        Args:
            call: As it was.
            targets: Of the call.
            answer: What broke; its attempt is noted in *record* here.
            error: What it broke with.
            record: Of the call.
            opener: Opens the call under a lease; a ``CallError`` of it counts as a failed attempt.
            rule: What attempts are noted as, such as ``replay``.
            is_told: Whether another way to go on was tried before: the attempt that broke is noted, and every endpoint may be asked
                again, within the bounds of the call.

        Raises:
            CallError: Nothing is left: the last word.
        """
        lease = answer.lease
        lease.release(Outcome.FAILED, error)
        further = record.further
        began_at = record.started_at + lease.waited_s if further is None else further.began_at
        failures = [Failure(lease, error, began_at, "" if further is None else further.rule, is_told)]
        tries = answer.tries = answer.tries or self._tries()  # kept there for the next way
        return await self._go_on(_Course(call, targets, record, tries, opener, rule), failures)

    async def _go_on(self, course: _Course, failures: Sequence[Failure]) -> Answer:
        """Return the answer of the first further attempt that goes well."""
        call, record, tries = course.call, course.record, course.tries
        while True:
            self._note(tries, record, failures)
            failure = failures[-1]
            error = failure.error
            found = await self._next(course) if _allows_more(error) else None
            if isinstance(error, WindowTooSmall):
                if found is None:
                    return error.answer  # in the server's own words
                record.end_attempt(failure.attempt(self._clock()))
            elif found is None:
                raise last_word(error) from None
            step, lease = found
            began_at = self._clock()
            name = course.rule or step.rule
            record.begin_attempt(name, began_at)
            lease.endpoint.call_count += 1
            try:
                answer = await (course.opener(call, lease) if course.opener is not None else self._attempt(course, lease))
            except (CallError, WindowTooSmall) as again:
                failures = [Failure(lease, again, began_at, name)]
            else:
                answer.tries = tries
                return answer

    async def _attempt(self, course: _Course, lease: Lease) -> Answer:
        """Open the call once more; it moves for slowness once at most."""
        call, tries = course.call, course.tries
        endpoint, size = lease.endpoint, len(call.body)
        if not call.stream or call.route.operation in MEDIA:
            return await attempt(call, lease, 0.0)
        if not has_other(endpoint, lease.target, course.targets, tries.ids):
            return await attempt(call, lease, ALONE)
        if tries.was_slow:
            return await attempt(call, lease, 0.0)
        began_at = self._clock()
        answer = await attempt(call, lease, self._patience.limit_s(endpoint, size))
        self._patience.note(endpoint, size, self._clock() - began_at)
        return answer

    def _note(self, tries: Tries, record: Record, failures: Sequence[Failure]) -> None:
        """Note *failures* for the rules and the record; a refused prompt is no failed attempt unless another one follows."""
        now = self._clock()
        for failure in failures:
            error, lease = failure.error, failure.lease
            error.__traceback__ = None  # it knows who handles it: no circle
            if isinstance(error, WindowTooSmall):
                tries.too_long(lease.endpoint, lease.target)
                continue
            if failure.is_told:
                tries.another_way(lease.endpoint, lease.target)
            else:
                tries.failed(lease.endpoint, lease.target, error, now)
                record.end_attempt(failure.attempt(now))

    async def _next(self, course: _Course) -> tuple[Step, Lease] | None:
        """Return the next lease; None where nothing is left. What is busy is queued for, as by any call."""
        call, tries = course.call, course.tries
        for step in tries.steps(course.targets, self._clock(), call.deadline_at):
            if step.delay_s:
                await self._sleep(step.delay_s)
            try:
                lease = await self._acquire(call, [step.target], exclude=step.exclude)
            except (NoEndpoint, ModelLoading, QueueFull, QueueTimeout):
                continue  # the next step; in the end the client is told what the last attempt failed with
            tries.leased(step, lease.endpoint, self._clock())
            return step, lease
        return None

    def _tries(self) -> Tries:
        return Tries(self._settings, self._budget, self._random)


def _allows_more(error: CallError | WindowTooSmall) -> bool:
    return isinstance(error, WindowTooSmall) or error.is_retryable or error.about == "model"
