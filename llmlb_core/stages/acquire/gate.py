"""The gate of the waiting room: a new call passes nobody who waits, and may itself wait only where that makes sense."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target
from llmlb_core.settings.sections import AdmissionSettings
from llmlb_core.stages.acquire.pressure import Pressure, pressure_of
from llmlb_core.stages.acquire.queue import Lines
from llmlb_core.stages.acquire.refusals import busy_text, queue_full, too_many_for_loading
from llmlb_core.stages.acquire.room import WaitingRoom
from llmlb_core.stages.acquire.stats import AcquireStats
from llmlb_core.stages.acquire.survey import Survey, no_endpoint, survey, tripped_ones

_NOBODY: frozenset[str] = frozenset()


class Gate:
    """Lets others go first, and refuses calls that would wait in vain, or where too many wait already.

    Asked only where somebody waits or the call must: a call that finds a free slot and an empty room does not come by.
    """

    def __init__(
        self, lines: Lines, stats: AcquireStats, room: WaitingRoom, settings: AdmissionSettings, clock: Callable[[], float]
    ) -> None:
        """Stand before *room*; what it refuses is counted in *stats*."""
        self._lines, self._stats, self._room = lines, stats, room
        self._settings = settings
        self._clock = clock

    def let_others_first(self, view: Survey, targets: Sequence[Target], exclude: frozenset[str]) -> tuple[Survey, bool]:
        """Serve whoever waits for what is free here, then look again: a slot may have appeared that nobody told us of.

        Returns whether all that is still free is waited for by calls that their router refuses it; those are not passed either.
        """
        waited_for = [candidate for candidate in view.free if self._lines.has_waiters(candidate.endpoint.id)]
        if not waited_for:
            return view, False
        for candidate in waited_for:
            self._room.serve(candidate.endpoint)
        view = survey(targets, exclude, self._clock())
        free = [candidate for candidate in view.free if not self._lines.has_waiters(candidate.endpoint.id)]
        if free:
            view.free = free
            view.free_count = sum(candidate.max_in_flight - candidate.in_flight for candidate in free)
            return view, False
        return view, bool(view.free)

    def check_time(self, call: Call, view: Survey) -> None:
        """Refuse a call that cannot wait until a breaker lets one through.

        Raises:
            NoEndpoint: Says when to come again.
        """
        now = self._clock()
        wait_s = min(breaker.wait_s(now) for breaker, _ in tripped_ones(view.target, _NOBODY))
        if wait_s > min(self._settings.queue_timeout_s, call.deadline_at - now):
            self._stats.rejected()
            raise no_endpoint([view.target], _NOBODY, now)

    def check_room(self, call: Call, view: Survey) -> None:
        """Refuse a call that would have to wait where as many wait as may.

        Raises:
            NoEndpoint: It would wait for a breaker; that is no overload.
            ModelLoading: It would wait for something to load; what is left of the queue is for calls that can be served.
            QueueFull: It would wait for a slot.
        """
        settings, lines = self._settings, self._lines
        count, bound = lines.waiting_count, settings.model_queue_size
        if view.is_warming and (pressure_of(count, settings) is Pressure.OVERLOADED or not settings.queue_size):
            self._stats.rejected()
            raise too_many_for_loading(call.model, count, settings.queue_size)
        if count >= settings.queue_size:
            told = busy_text(call.model, len(view.ids), count)
        elif bound is not None and lines.count_by_model.get(view.target.model, 0) >= bound:
            told = busy_text(call.model, len(view.ids), bound)
        else:
            return
        self._stats.rejected()
        if view.is_tripped:
            raise no_endpoint([view.target], _NOBODY, self._clock())
        position = 1 + lines.ahead_count(view.ids, (math.inf, 0))
        raise queue_full(told, self._room.estimate_s(view, position))
