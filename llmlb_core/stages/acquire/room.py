"""The waiting room: calls in their lines, who is served next, and when a wait is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from copy import copy
from typing import Protocol

from llmlb_core.contracts.admission import Waiter
from llmlb_core.contracts.endpoint import Endpoint
from llmlb_core.domain.endpoints import Choice, Outcome, Target
from llmlb_core.errors import CallError
from llmlb_core.stages.acquire.asking import Asking
from llmlb_core.stages.acquire.lease import Lease, Waiting
from llmlb_core.stages.acquire.queue import Entry, Lines, Look, Timer
from llmlb_core.stages.acquire.refusals import queue_timeout, still_loading
from llmlb_core.stages.acquire.stats import AcquireStats
from llmlb_core.stages.acquire.survey import Survey, is_warming, no_endpoint, open_candidates, survey


class Grant(Protocol):
    """Counts a lease and makes it."""

    def __call__(self, choice: Choice, waited_s: float, position: int) -> Lease:
        """See the class."""
        ...


class WaitingRoom:
    """Holds calls until a slot is free for them, their time is up, or nothing can come any more.

    Whatever changes a line happens in one step, without an await.
    """

    def __init__(
        self,
        lines: Lines,
        asking: Asking,
        stats: AcquireStats,
        grant: Grant,
        *,
        limits_s: tuple[float, float],
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Timer] | None,
    ) -> None:
        """Hold nobody.

        Args:
            lines: Shared with the stage, which counts in them.
            asking: Routers and the policy.
            stats: Told of waits.
            grant: Makes leases.
            limits_s: How long a call waits: for a slot, and for something to load.
            clock: Seconds.
            call_later: Starts a timer; None = the running loop's.
        """
        self._lines, self._asking, self._stats, self._grant = lines, asking, stats, grant
        self._timeout_s, self._warmup_s = limits_s
        self._clock = clock
        self._call_later = call_later

    async def wait(
        self, waiter: Waiter, view: Survey, exclude: frozenset[str], look: Look, on_wait: Callable[[Waiting], None] | None
    ) -> Lease:
        """Return a lease when it is this call's turn.

        Raises:
            QueueTimeout: Its time is up.
            ModelLoading: Its time for something to load is up.
            NoEndpoint: Everything that it waited for has gone, and nothing else can serve it.
            CallError: A router failed.
        """
        now = self._clock()
        line = self._lines.line(view.ids)
        gives_up_at = min(now + self._timeout_s, waiter.call.deadline_at)
        future = asyncio.get_running_loop().create_future()
        place = self._lines.next_place(waiter.sort_key)
        entry = Entry(waiter, place, view.target, exclude, line, future, now, gives_up_at, look)
        self._lines.enter(entry)
        lease: Lease | None = None
        try:
            for candidate in view.free:
                self.serve(candidate.endpoint)
            if not entry.future.done():
                limit_s = gives_up_at - now
                self._ring_in(entry, min(limit_s, self._warmup_s) if view.is_warming else limit_s)
                entry.position = 1 + self._lines.ahead_count(view.ids, entry.place)
                if on_wait is not None:
                    on_wait(Waiting(entry.position, self.estimate_s(view, entry.position)))
            lease = await entry.future
            return lease
        finally:
            if entry.timer is not None:
                entry.timer.cancel()
            if lease is None:
                self._abandon(entry)

    def serve(self, endpoint: Endpoint) -> None:
        """Hand free slots of *endpoint* to those who wait for it, smallest sort key first, until none can be handed out."""
        door = self._lines.door(endpoint.id)
        while door.lines and endpoint.unroutable_reason is None and endpoint.in_flight < endpoint.max_in_flight:
            shut = self._shut(endpoint)
            if not any(entry.target.model not in shut and self._offer(entry, endpoint) for entry in door.waiting()):
                return

    def give_up_on(self, endpoint: Endpoint) -> None:
        """*endpoint* takes no calls any more, or none of some model: place those anew who wait for nothing else (35375000-E3)."""
        for line in self._lines.leading_to(endpoint.id):
            for _, _, entry in [*line.entries]:
                model = entry.target.model
                awaited = [each for each in entry.target.endpoints if each.id in line.ids]
                if not any(each.is_loading or each.takes(model) for each in awaited):
                    self._place_anew(entry, _look(entry))

    def look_again(self) -> None:
        """Which endpoints have which model has changed: let everybody wait for what can serve them now."""
        found: dict[int, tuple[Target, Sequence[Target] | CallError]] = {}
        for line in self._lines.all():
            for _, _, entry in [*line.entries]:
                # Calls that came to one target come to one again: ten thousand are not looked up one by one.
                _, targets = found.get(id(entry.target), (None, None))
                if targets is None:
                    targets = _look(entry)
                    found[id(entry.target)] = (entry.target, targets)  # kept, so that nothing else has its id meanwhile
                self._place_anew(entry, targets)

    def estimate_s(self, view: Survey, position: int) -> float | None:
        """Mean service time × position, shared by all slots (05098000-F11)."""
        mean_s = self._lines.mean_service_s(view.ids)
        return None if mean_s is None else mean_s * position / view.slot_count

    # --- inside -------------------------------------------------------------------------------------------------

    def _shut(self, endpoint: Endpoint) -> frozenset[str]:
        """Return the models of which *endpoint* takes no call at all now; whoever waits for them is not looked at one by one."""
        if endpoint.tripped is None:
            return frozenset()
        now = self._clock()
        return frozenset([model for model, each in endpoint.tripped.items() if each.is_blocked and not each.may_probe(now)])

    def _offer(self, entry: Entry, endpoint: Endpoint) -> bool:
        """Choose for one waiter; True where it left its line, with a lease or an error."""
        if entry.future.done():  # cancelled in this loop turn; its task takes it out
            return False
        free = open_candidates(entry.target, entry.exclude, self._clock())
        if not any(candidate.endpoint is endpoint for candidate in free):
            return False
        try:
            choice = self._asking.place(entry.waiter.call, entry.target, free)
        except CallError as error:
            self._refuse(entry, error)
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

    def _place_anew(self, entry: Entry, targets: Sequence[Target] | CallError) -> None:
        """Let *entry* wait for *targets*, where it stands; or tell it that nothing can come."""
        if entry.future.done():
            return
        try:
            if isinstance(targets, CallError):
                raise copy(targets)
            view = survey(targets, entry.exclude, self._clock())
        except CallError as error:
            self._refuse(entry, error)
            return
        if view.target is not entry.target:
            self._lines.leave(entry)
            entry.target, entry.line = view.target, self._lines.line(view.ids)
            self._lines.enter(entry)
        for candidate in view.free:
            self.serve(candidate.endpoint)

    def _abandon(self, entry: Entry) -> None:
        """Clean up after a call that will not use what it waited for."""
        if self._lines.leave(entry):
            self._asking.left(entry.waiter)
        future = entry.future
        if future.done() and not future.cancelled() and future.exception() is None:
            future.result().release(Outcome.CANCELLED)

    def _ring_in(self, entry: Entry, seconds: float) -> None:
        call_later = self._call_later or asyncio.get_running_loop().call_later
        entry.timer = call_later(max(0.0, seconds), lambda: self._time_out(entry))

    def _time_out(self, entry: Entry) -> None:
        if entry.future.done():
            return
        now = self._clock()
        waited_s, model = now - entry.since, entry.waiter.call.model
        awaited = [each for each in entry.target.endpoints if each.id in entry.line.ids]
        if is_warming(awaited):
            self._stats.timed_out()
            self._refuse(entry, still_loading(model, len(awaited), waited_s))
        elif now < entry.gives_up_at:  # it has loaded meanwhile and is busy: from here on it is a wait as any other
            self._ring_in(entry, entry.gives_up_at - now)
        elif not any(each.takes(entry.target.model) for each in awaited):
            self._stats.timed_out()
            self._refuse(entry, no_endpoint([entry.target], entry.exclude, now))
        else:
            self._stats.timed_out()
            self._refuse(entry, queue_timeout(model, waited_s, self._lines.waiting_count - 1))

    def _refuse(self, entry: Entry, error: CallError) -> None:
        """End the wait of *entry* with *error*."""
        if self._lines.leave(entry):
            self._asking.left(entry.waiter)
            entry.future.set_exception(error)


def _look(entry: Entry) -> Sequence[Target] | CallError:
    """Return what a call may be sent to now; or why not, such as that its model is served no more."""
    try:
        return entry.look()
    except CallError as error:
        return error
