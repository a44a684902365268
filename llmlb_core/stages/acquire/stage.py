"""The stage itself: admits, queues, and hands slots over."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence

from llmlb_core.contracts.admission import AdmissionPolicy, Admit, Load, Reject, Wait, Waiter
from llmlb_core.contracts.endpoint import Endpoint
from llmlb_core.contracts.router import Router
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Choice, Outcome, Target
from llmlb_core.endpoints.breakers import Breakers
from llmlb_core.errors import CallError
from llmlb_core.settings.sections import AdmissionSettings, WorkerSettings
from llmlb_core.stages.acquire.asking import Asking
from llmlb_core.stages.acquire.gate import Gate
from llmlb_core.stages.acquire.lease import Lease, Probe, Waiting
from llmlb_core.stages.acquire.pressure import Pressure, pressure_of
from llmlb_core.stages.acquire.queue import Lines, Look, Timer
from llmlb_core.stages.acquire.refusals import queue_full
from llmlb_core.stages.acquire.room import WaitingRoom
from llmlb_core.stages.acquire.stats import AcquireStats, QueueStats
from llmlb_core.stages.acquire.survey import Survey, survey
from llmlb_core.telemetry.log import get_logger

LEAST_WEIGHT = 0.001
WARMUP_S = WorkerSettings().warmup_wait_s
_log = get_logger("acquire")
_NOBODY: frozenset[str] = frozenset()


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
        warmup_wait_s: float = WARMUP_S,
        clock: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], None]], Timer] | None = None,
        breakers: Breakers | None = None,
    ) -> None:
        """Place calls with the routers that *router_for* names.

        Args:
            router_for: Which router places a call at a target.
            policy: Who waits, and before whom.
            settings: Bounds of the queue, and weights.
            warmup_wait_s: How long a call waits while everything that could serve it still loads.
            clock: Seconds, on the scale of ``Call.deadline_at``.
            call_later: Starts a timer; absent = the running loop's.
            breakers: Told how calls end, on the same clock; absent = some of its own, as settings have them by default.
        """
        self._asking = Asking(router_for, policy)
        self._settings = settings
        self._weights = settings.weights
        self._clock = clock
        self._lines = Lines()
        self._stats = AcquireStats(clock)
        self._room = WaitingRoom(
            self._lines,
            self._asking,
            self._stats,
            self._grant,
            limits_s=(settings.queue_timeout_s, warmup_wait_s),
            clock=clock,
            call_later=call_later,
        )
        self._gate = Gate(self._lines, self._stats, self._room, settings, clock)
        self._breakers = breakers or Breakers(clock=clock, call_later=call_later)
        self._breakers.on_call_may_come.append(self.wake)
        self._breakers.on_trip.append(self._tripped)
        self._lease_count = 0
        self.dropped_count = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(
        self,
        call: Call,
        targets: Sequence[Target],
        exclude: frozenset[str] = _NOBODY,
        on_wait: Callable[[Waiting], None] | None = None,
        look: Look | None = None,
    ) -> Lease:
        """Return a lease; whoever gets it releases it.

        Candidates are the endpoints of the first target that has a routable one, or else of the first that has one which loads.
        When cancelled, the call leaves its line, and a lease that it was handed in the same moment goes to the next.

        Args:
            call: What to place.
            targets: In order of preference.
            exclude: Ids of endpoints that were tried already.
            on_wait: Told where the call stands, when it must wait; not called otherwise.
            look: Returns the targets of that moment, for a call that waits while endpoints come and go; absent = *targets*.

        Raises:
            NoEndpoint: Nothing is routable, or while it waited everything went away.
            ModelLoading: Nothing has loaded in time; or the queue is too full to wait for that.
            QueueFull: Something is busy, and as many calls wait as may.
            QueueTimeout: No slot became free in time.
            InternalError: The router or the policy failed.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        view = survey(targets, exclude, self._clock())
        contested = False
        if self._lines.waiting_count:
            view, contested = self._gate.let_others_first(view, targets, exclude)
        must_wait = contested or not view.free
        if must_wait:
            if view.is_tripped:
                self._gate.check_time(call, view)
            self._gate.check_room(call, view)
        load = self._load(call, view, has_waiters=contested, must_wait=must_wait)
        verdict = self._asking.decide(call, load)
        if type(verdict) is Reject:
            self._stats.rejected()
            raise queue_full("The admission policy refuses this call", verdict.retry_after_s)
        if not must_wait and type(verdict) is Admit:
            choice = self._asking.place(call, view.target, view.free)
            if choice is not None:
                return self._grant(choice, 0.0, 0)
        waiter = Waiter(call, float(verdict.sort_key) if isinstance(verdict, Wait) else math.inf, load.queue)
        try:
            self._gate.check_room(call, view)
        except CallError:
            self._asking.left(waiter)
            raise
        return await self._room.wait(waiter, view, exclude, look or (lambda: targets), on_wait)

    def at_once(self, call: Call, targets: Sequence[Target]) -> Lease | None:
        """Return a lease where nobody waits and the policy has nothing to decide; None = await the call of the stage itself."""
        target = targets[0]
        if self._lines.waiting_count:
            return None
        free: list[Candidate] = []
        for candidate in target.candidates:
            endpoint = candidate.endpoint
            in_flight, limit = endpoint.in_flight, endpoint.max_in_flight
            if in_flight < limit and endpoint.unroutable_reason is None:
                if endpoint.tripped is not None and target.model in endpoint.tripped:
                    if endpoint.tripped[target.model].is_blocked:
                        continue
                    return None  # half-open: one call is let through, and that is arranged where there is time
                candidate.in_flight, candidate.max_in_flight = in_flight, limit
                free.append(candidate)
        if not free or not self._asking.admits_at_once(call, target.ids):
            return None
        choice = self._asking.choose(call, target, free)
        return self._count(Lease, choice, 0.0, 0) if choice is not None else None

    def wake(self, endpoint: Endpoint) -> None:
        """*endpoint* changed: hand out what is free there; or where it takes no calls now, send away who has nothing else."""
        if not self._lines.has_waiters(endpoint.id):
            return
        if endpoint.unroutable_reason is None:
            self._room.serve(endpoint)
        else:
            self._room.give_up_on(endpoint)

    def look_again(self) -> None:
        """Which endpoints have which model has changed: whoever waits may wait for others from now on."""
        if self._lines.waiting_count:
            self._room.look_again()

    def outlook(self, targets: Sequence[Target]) -> Waiting | None:
        """Return where a call of *targets* would stand if it had to wait now; None where nothing could serve it."""
        try:
            view = survey(targets, _NOBODY, self._clock())
        except CallError:
            return None
        position = 1 + self._lines.ahead_count(view.ids, (math.inf, 0))
        return Waiting(position, self._room.estimate_s(view, position))

    def stats(self) -> QueueStats:
        """Return the figures of now and of the last hour."""
        return self._stats.snapshot(self._lines.waiting_count, self._lease_count)

    @property
    def totals(self) -> AcquireStats:
        """The counts since the start."""
        return self._stats

    @property
    def settings(self) -> AdmissionSettings:
        """The bounds of the queue."""
        return self._settings

    @property
    def waiting_count(self) -> int:
        """Calls that wait now."""
        return self._lines.waiting_count

    @property
    def waiting_by_model(self) -> Mapping[str, int]:
        """Calls that wait now, by model; models for which nobody waits are not there."""
        return self._lines.count_by_model

    @property
    def pressure(self) -> Pressure:
        """How full the queue is."""
        return pressure_of(self._lines.waiting_count, self._settings)

    @property
    def fault_counts(self) -> dict[str, int]:
        """Faults of routers and of the policy, by who made them."""
        return dict(self._asking.fault_counts)

    # --- for leases ---------------------------------------------------------------------------------------------

    def give_back(self, lease: Lease, outcome: Outcome, error: CallError | None = None) -> None:
        """Count a lease out and hand its slot over; called by ``Lease.release`` only."""
        endpoint = lease.endpoint
        endpoint.in_flight -= 1
        self._lease_count -= 1
        now = self._clock()
        seconds = now - lease.granted_at
        self._lines.served(endpoint.id, seconds)
        self._stats.processed(seconds, now)
        if error is not None or endpoint.breakers is not None:
            self._breakers.ended(endpoint, lease.target.model, lease, outcome, error)
        if self._lines.waiting_count and self._lines.has_waiters(endpoint.id):
            self._room.serve(endpoint)

    def reclaim(self, lease: Lease) -> None:
        """Take back the slot of a lease that was dropped; the garbage collector may run in any thread."""
        self.dropped_count += 1
        _log.error("lease_dropped", endpoint=lease.endpoint.name)
        if self._loop is None or self._loop.is_closed():
            self.give_back(lease, Outcome.FAILED)
        else:
            self._loop.call_soon_threadsafe(self.give_back, lease, Outcome.FAILED)

    def proved(self, lease: Lease) -> None:
        """The call that a half-open breaker let through has committed; called by ``Lease.proved`` only."""
        self._breakers.ended(lease.endpoint, lease.target.model, lease, Outcome.COMPLETED, None)
        self.wake(lease.endpoint)

    # --- inside -------------------------------------------------------------------------------------------------

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
        candidate = choice.candidate
        tripped = candidate.endpoint.tripped
        if tripped is None or candidate.target.model not in tripped:
            return self._count(Lease, choice, waited_s, position)
        lease = self._count(Probe, choice, waited_s, position)
        self._breakers.begin(candidate.endpoint, candidate.target.model, lease)
        return lease

    def _count(self, kind: type[Lease], choice: Choice, waited_s: float, position: int) -> Lease:
        choice.candidate.endpoint.in_flight += 1
        self._lease_count += 1
        return kind(self, choice, self._clock(), waited_s, position)

    def _tripped(self, endpoint: Endpoint) -> None:
        """Calls of some model are not sent to *endpoint* any more: whoever waits for nothing else may go elsewhere."""
        if self._lines.has_waiters(endpoint.id):
            self._room.give_up_on(endpoint)
