"""The stage itself: admits, queues, and hands slots over."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from llmlb_core.contracts.admission import AdmissionPolicy, Admit, Load, Reject, Wait, Waiter
from llmlb_core.contracts.endpoint import Endpoint
from llmlb_core.contracts.router import Router
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Choice, Outcome, Target
from llmlb_core.errors import CallError, QueueFull
from llmlb_core.settings.sections import AdmissionSettings
from llmlb_core.stages.acquire.asking import Asking
from llmlb_core.stages.acquire.lease import Lease, Waiting
from llmlb_core.stages.acquire.queue import Entry, Lines
from llmlb_core.stages.acquire.refusals import busy_text, queue_full, queue_timeout
from llmlb_core.stages.acquire.stats import AcquireStats, QueueStats
from llmlb_core.stages.acquire.survey import Survey, free_candidates, survey
from llmlb_core.telemetry.log import get_logger

LEAST_WEIGHT = 0.001
_log = get_logger("acquire")
_NOBODY: frozenset[str] = frozenset()


class Timer(Protocol):
    """What ``call_later`` returns."""

    def cancel(self) -> None:
        """Forget it."""


class Acquire:
    """Gives leases: at once where a slot is free and nobody waits for it, else in the order that the policy says.

    Everything between reading load and counting a lease happens in one step, without an await; so ``in_flight`` is never above
    ``max_in_flight``, and a free slot never stands beside somebody who waits for it.

    Attributes:
        dropped_count: Leases that somebody dropped instead of giving them back; each is a defect.
    """

    def __init__(
        self,
        router_for: Callable[[Call, Target], Router],
        policy: AdmissionPolicy,
        settings: AdmissionSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], None]], Timer] | None = None,
    ) -> None:
        """Place calls with the routers that *router_for* names.

        Args:
            router_for: Which router places a call at a target.
            policy: Who waits, and before whom.
            settings: Bounds of the queue, and weights.
            clock: Seconds, on the scale of ``Call.deadline_at``.
            call_later: Starts a timer; absent = the running loop's.
        """
        self._asking = Asking(router_for, policy)
        self._settings = settings
        self._weights = settings.weights
        self._clock = clock
        self._call_later = call_later
        self._lines = Lines()
        self._stats = AcquireStats(clock)
        self._lease_count = 0
        self.dropped_count = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(
        self,
        call: Call,
        targets: Sequence[Target],
        exclude: frozenset[str] = _NOBODY,
        on_wait: Callable[[Waiting], None] | None = None,
    ) -> Lease:
        """Return a lease; whoever gets it releases it.

        Candidates are the endpoints of the first target that has a routable one. When cancelled, the call leaves its line, and a
        lease that it was handed in the same moment goes to the next.

        Args:
            call: What to place.
            targets: In order of preference.
            exclude: Ids of endpoints that were tried already.
            on_wait: Told where the call stands, when it must wait; not called otherwise.

        Raises:
            NoEndpoint: Nothing is routable.
            QueueFull: Something is busy, and as many calls wait as may.
            QueueTimeout: No slot became free in time.
            InternalError: The router or the policy failed.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        view = survey(targets, exclude)
        contested = False
        if self._lines.waiting_count:
            view, contested = self._let_others_first(view, targets, exclude)
        must_wait = contested or not view.free
        if must_wait and self._lines.waiting_count >= self._settings.queue_size:
            raise self._full(call, view)
        load = self._load(call, view, has_waiters=contested, must_wait=must_wait)
        verdict = self._asking.decide(call, load)
        if type(verdict) is Reject:
            self._stats.rejected()
            raise queue_full("The admission policy refuses this call", verdict.retry_after_s)
        if not must_wait and type(verdict) is Admit:
            choice = self._asking.choose(call, view.target, view.free)
            if choice is not None:
                return self._grant(choice, 0.0, 0)
        waiter = Waiter(call, float(verdict.sort_key) if isinstance(verdict, Wait) else math.inf, load.queue)
        if self._lines.waiting_count >= self._settings.queue_size:
            self._asking.left(waiter)
            raise self._full(call, view)
        return await self._wait(waiter, view, exclude, on_wait)

    def at_once(self, call: Call, targets: Sequence[Target]) -> Lease | None:
        """Return a lease where nobody waits and the policy has nothing to decide; None = await the call of the stage itself."""
        target = targets[0]
        if self._lines.waiting_count or len(targets) > 1:
            return None
        free: list[Candidate] = []
        for candidate in target.candidates:
            endpoint = candidate.endpoint
            in_flight, limit = endpoint.in_flight, endpoint.max_in_flight
            if in_flight < limit and endpoint.unroutable_reason is None:
                candidate.in_flight, candidate.max_in_flight = in_flight, limit
                free.append(candidate)
        if not free or not self._asking.admits_at_once(call, target.ids):
            return None
        choice = self._asking.choose(call, target, free)
        return self._grant(choice, 0.0, 0) if choice is not None else None

    def wake(self, endpoint: Endpoint) -> None:
        """Hand out what is free at *endpoint*: it became routable, or grew."""
        if self._lines.has_waiters(endpoint.id):
            self._serve(endpoint)

    def stats(self) -> QueueStats:
        """Return the figures of now and of the last hour."""
        return self._stats.snapshot(self._lines.waiting_count, self._lease_count)

    @property
    def fault_counts(self) -> dict[str, int]:
        """Faults of routers and of the policy, by who made them."""
        return dict(self._asking.fault_counts)

    # --- for leases ---------------------------------------------------------------------------------------------

    def give_back(self, endpoint: Endpoint, granted_at: float, outcome: Outcome) -> None:
        """Count a lease out and hand its slot over; called by ``Lease.release`` only."""
        del outcome  # a slot that failed or was cancelled is as free as any other
        endpoint.in_flight -= 1
        self._lease_count -= 1
        now = self._clock()
        seconds = now - granted_at
        self._lines.served(endpoint.id, seconds)
        self._stats.processed(seconds, now)
        if self._lines.waiting_count and self._lines.has_waiters(endpoint.id):
            self._serve(endpoint)

    def reclaim(self, endpoint: Endpoint, granted_at: float) -> None:
        """Take back the slot of a lease that was dropped; the garbage collector may run in any thread."""
        self.dropped_count += 1
        _log.error("lease_dropped", endpoint=endpoint.name)
        if self._loop is None or self._loop.is_closed():
            self.give_back(endpoint, granted_at, Outcome.FAILED)
        else:
            self._loop.call_soon_threadsafe(self.give_back, endpoint, granted_at, Outcome.FAILED)

    # --- inside -------------------------------------------------------------------------------------------------

    def _let_others_first(self, view: Survey, targets: Sequence[Target], exclude: frozenset[str]) -> tuple[Survey, bool]:
        """Serve whoever waits for what is free here, then look again: a slot may have appeared that nobody told us of.

        Returns whether all that is still free is waited for by calls that their router refuses it; those are not passed either.
        """
        waited_for = [candidate for candidate in view.free if self._lines.has_waiters(candidate.endpoint.id)]
        if not waited_for:
            return view, False
        for candidate in waited_for:
            self._serve(candidate.endpoint)
        view = survey(targets, exclude)
        free = [candidate for candidate in view.free if not self._lines.has_waiters(candidate.endpoint.id)]
        if free:
            view.free = free
            view.free_count = sum(candidate.max_in_flight - candidate.in_flight for candidate in free)
            return view, False
        return view, bool(view.free)

    def _load(self, call: Call, view: Survey, *, has_waiters: bool, must_wait: bool) -> Load:
        principal = call.principal
        weight = principal.weight
        if self._weights:
            weight = self._weights.get(principal.id) or self._weights.get(principal.name) or weight
        return Load(
            waiting_count=self._lines.waiting_count,
            queue_size=self._settings.queue_size,
            free_count=view.free_count,
            has_waiters=has_waiters or (must_wait and any(map(self._lines.has_waiters, view.ids))),
            mean_service_s=self._lines.mean_service_s(view.ids),
            queue=view.ids,
            passed_key=self._lines.passed_key(view.ids) if must_wait else 0.0,
            weight=max(LEAST_WEIGHT, weight),
        )

    def _grant(self, choice: Choice, waited_s: float, position: int) -> Lease:
        choice.candidate.endpoint.in_flight += 1
        self._lease_count += 1
        return Lease(self, choice, self._clock(), waited_s, position)

    async def _wait(
        self, waiter: Waiter, view: Survey, exclude: frozenset[str], on_wait: Callable[[Waiting], None] | None
    ) -> Lease:
        loop = asyncio.get_running_loop()
        now = self._clock()
        line = self._lines.line(view.ids)
        entry = Entry(waiter, self._lines.next_place(waiter.sort_key), view.target, exclude, line, loop.create_future(), now)
        self._lines.enter(entry)
        timer: Timer | None = None
        lease: Lease | None = None
        try:
            for candidate in view.free:
                self._serve(candidate.endpoint)
            if not entry.future.done():
                timeout_s = max(0.0, min(self._settings.queue_timeout_s, waiter.call.deadline_at - now))
                timer = (self._call_later or loop.call_later)(timeout_s, lambda: self._time_out(entry))
                entry.position = 1 + self._lines.ahead_count(view.ids, entry.place)
                if on_wait is not None:
                    on_wait(Waiting(entry.position, self._estimate(view, entry.position)))
            lease = await entry.future
            return lease
        finally:
            if timer is not None:
                timer.cancel()
            if lease is None:
                self._abandon(entry)

    def _serve(self, endpoint: Endpoint) -> None:
        """Hand free slots of *endpoint* to those who wait for it, smallest sort key first, until none can be handed out."""
        door = self._lines.door(endpoint.id)
        while door.lines and endpoint.unroutable_reason is None and endpoint.in_flight < endpoint.max_in_flight:
            if not any(self._offer(entry, endpoint) for entry in door.waiting()):
                return

    def _offer(self, entry: Entry, endpoint: Endpoint) -> bool:
        """Choose for one waiter; True where it left its line, with a lease or an error."""
        if entry.future.done():  # cancelled in this loop turn; its task takes it out
            return False
        free, _, _ = free_candidates(entry.target, entry.exclude)
        if not any(candidate.endpoint is endpoint for candidate in free):
            return False
        try:
            choice = self._asking.choose(entry.waiter.call, entry.target, free)
        except CallError as error:
            self._lines.leave(entry)
            self._asking.left(entry.waiter)
            entry.future.set_exception(error)
            return True
        if choice is None:
            return False
        self._lines.leave(entry)
        waited_s = self._clock() - entry.since if entry.position else 0.0
        lease = self._grant(choice, waited_s, entry.position)
        self._lines.door(lease.endpoint.id).passed(entry.waiter.sort_key)
        self._asking.granted(entry.waiter)
        if entry.position:
            self._stats.waited(waited_s)
        entry.future.set_result(lease)
        return True

    def _abandon(self, entry: Entry) -> None:
        """Clean up after a call that will not use what it waited for."""
        if self._lines.leave(entry):
            self._asking.left(entry.waiter)
        future = entry.future
        if future.done() and not future.cancelled() and future.exception() is None:
            future.result().release(Outcome.CANCELLED)

    def _time_out(self, entry: Entry) -> None:
        if entry.future.done() or not self._lines.leave(entry):
            return
        self._asking.left(entry.waiter)
        self._stats.timed_out()
        waited_s = self._clock() - entry.since
        entry.future.set_exception(queue_timeout(entry.target.model, waited_s, self._lines.waiting_count))

    def _estimate(self, view: Survey, position: int) -> float | None:
        """Mean service time × position, shared by all slots (05098000-F11)."""
        mean_s = self._lines.mean_service_s(view.ids)
        return None if mean_s is None else mean_s * position / view.slot_count

    def _full(self, call: Call, view: Survey) -> QueueFull:
        self._stats.rejected()
        position = 1 + self._lines.ahead_count(view.ids, (math.inf, 0))
        return queue_full(busy_text(call.model, len(view.ids), self._lines.waiting_count), self._estimate(view, position))
