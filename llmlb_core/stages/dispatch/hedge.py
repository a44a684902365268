"""Asking a second endpoint for a stream that is slow to begin: the first content of either is the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from attrs import frozen

from llmlb_core.domain.calls import Call
from llmlb_core.domain.records import Attempt, Record
from llmlb_core.errors import CallError
from llmlb_core.stages.acquire import Acquire, Lease
from llmlb_core.stages.dispatch.answer import Answer
from llmlb_core.stages.dispatch.attempt import WindowTooSmall, attempt
from llmlb_core.stages.dispatch.failure import Failure
from llmlb_core.stages.dispatch.patience import Percentile

MOST_SAVED = 5.0
"""Second requests that quiet times save up for."""
LEAST_SAMPLES = 20
"""Streams of a model that must have begun before its 95th percentile means anything."""
MOST_MODELS = 10_000


class HedgeFailed(Exception):
    """Both failed.

    Attributes:
        failures: In the order in which they did.
    """

    def __init__(self, failures: list[Failure]) -> None:
        """Keep them."""
        super().__init__()
        self.failures = failures


class Hedge:
    """Asks a second endpoint after the 95th percentile of the model's time to first content; off while calls wait.

    Attributes:
        count: Second requests so far.
    """

    def __init__(self, acquire: Acquire, share_0_1: float, clock: Callable[[], float]) -> None:
        """Ask a second time for at most *share_0_1* of the streams."""
        self._acquire = acquire
        self._share = share_0_1
        self._clock = clock
        self._saved = 1.0
        self._times: dict[str, Percentile] = {}
        self.count = 0

    async def __call__(self, call: Call, lease: Lease, limit_s: float, record: Record) -> Answer:
        """Return the answer that commits first; owns *lease*, and gives back that of the loser.

        Raises:
            CallError: The only one failed; likewise ``WindowTooSmall``.
            HedgeFailed: Both failed.
        """
        self._saved = min(MOST_SAVED, self._saved + self._share)
        model, began_at = lease.target.model, self._clock()
        times = self._times.get(model)
        if times is None or times.count < LEAST_SAMPLES or len(lease.target.endpoints) < 2 or self._saved < 1.0:
            answer = await attempt(call, lease, limit_s)
        else:
            answer = await self._watched(call, lease, limit_s, record, times.value)
        self._learn(model, self._clock() - began_at)
        return answer

    async def _watched(self, call: Call, lease: Lease, limit_s: float, record: Record, after_s: float) -> Answer:
        first = asyncio.create_task(attempt(call, lease, limit_s), name="attempt")
        runs = {first: Run(lease, self._clock(), "")}
        winner: asyncio.Task[Answer] | None = None
        failures: list[Failure] = []
        try:
            await asyncio.wait(runs, timeout=after_s)
            if not first.done():
                other = await self._second(call, lease)
                if other is not None:
                    second = asyncio.create_task(attempt(call, other, limit_s), name="hedge")
                    runs[second] = Run(other, self._clock(), "hedge")
            winner = await self._first_good(runs, failures)
        finally:
            await _stop([task for task in runs if task is not winner])
        if winner is None:
            raise failures[0].error if len(runs) == 1 else HedgeFailed(failures)
        self._note(record, runs, winner, failures)
        return winner.result()

    async def _second(self, call: Call, lease: Lease) -> Lease | None:
        """Return a lease of another endpoint where one is free and nobody waits: that takes no waiting either."""
        target, acquire, now = lease.target, self._acquire, self._clock()
        others = [each for each in target.endpoints if each is not lease.endpoint and each.why_not(target.model, now) is None]
        if acquire.waiting_count or not any(each.in_flight < each.max_in_flight for each in others):
            return None
        try:
            second = await acquire(call, [target], exclude=frozenset([lease.endpoint.id]))
        except CallError:
            return None
        self._saved -= 1.0
        self.count += 1
        second.endpoint.call_count += 1
        return second

    async def _first_good(self, runs: dict[asyncio.Task[Answer], Run], failures: list[Failure]) -> asyncio.Task[Answer] | None:
        """Return the first task that has an answer; None where all have failed."""
        pending = set(runs)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in [each for each in runs if each in done]:
                error = task.exception()
                if error is None:
                    return task
                if not isinstance(error, CallError | WindowTooSmall):
                    raise error
                run = runs[task]
                failures.append(Failure(run.lease, error, run.began_at, run.rule))
        return None

    def _note(
        self, record: Record, runs: dict[asyncio.Task[Answer], Run], winner: asyncio.Task[Answer], failures: list[Failure]
    ) -> None:
        """Note who lost, and that the winner was the second where it was."""
        now = self._clock()
        record.attempts += [failure.attempt(now) for failure in failures]
        failed = {id(failure.lease) for failure in failures}
        for task, run in runs.items():
            if task is winner:
                if run.rule:
                    record.begin_attempt(run.rule, run.began_at)
            elif id(run.lease) not in failed:
                name, reason = run.lease.endpoint.name, run.lease.choice.reason
                record.attempts.append(
                    Attempt(name, "cancelled", "", now - run.began_at, reason, run.lease.target.model, rule=run.rule)
                )

    def _learn(self, model: str, seconds: float) -> None:
        times = self._times.get(model)
        if times is None:
            if len(self._times) >= MOST_MODELS:
                self._times.clear()
            times = self._times[model] = Percentile(seconds)
        times.add(seconds)


@frozen
class Run:
    """One of the two: under which lease, since when, and as what it is noted."""

    lease: Lease
    began_at: float
    rule: str


async def _stop(tasks: Sequence[asyncio.Task[Answer]]) -> None:
    """End attempts that nobody needs, and close what they brought nevertheless."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()  # all of them before anything is waited for: whoever waits may be cancelled once more
    for task in tasks:
        if task.done() and not task.cancelled() and task.exception() is None:
            closing = task.result().close()
            if closing is not None:
                await closing
    if running:
        await asyncio.wait(running)
