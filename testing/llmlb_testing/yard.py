"""A yard to try routers and admission policies in: the real stage ``acquire``, fake endpoints, and a clock that only tests move.

```python
yard = Yard([FakeEndpoint("e1")], policy=MyPolicy())
first, second = yard.arrive("A"), yard.arrive("B")
first.release()
assert second.lease is not None
```

.. versionadded:: 0.1
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Sequence

from attrs import define, field

from llmlb_core import AdmissionPolicy, Admit, Call, Candidate, Choice, Load, Outcome, Reject, Router, Target, Wait
from llmlb_core.errors import CallError
from llmlb_core.settings.sections import AdmissionSettings
from llmlb_core.stages.acquire import Acquire, Lease, Waiting
from llmlb_testing.calls import make_call
from llmlb_testing.endpoints import FakeEndpoint

__all__ = ["Alarm", "Arrival", "FakeEndpoint", "FirstFree", "InOrder", "VirtualClock", "Yard", "make_call"]

SETTLE_TURNS = 6


@define(eq=False)
class Alarm:
    """A timer of a ``VirtualClock``."""

    is_cancelled: bool = False

    def cancel(self) -> None:
        """Forget it."""
        self.is_cancelled = True


@define
class VirtualClock:
    """Time that passes when a test says so."""

    now: float = 1000.0
    _alarms: list[tuple[float, int, Alarm, Callable[[], None]]] = field(factory=list)
    _numbers: itertools.count[int] = field(factory=itertools.count)

    def __call__(self) -> float:
        """The time, as ``time.monotonic()`` would say it."""
        return self.now

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Alarm:
        """Call *callback* when ``advance`` passes that time."""
        alarm = Alarm()
        heapq.heappush(self._alarms, (self.now + delay_s, next(self._numbers), alarm, callback))
        return alarm

    def advance(self, seconds: float) -> None:
        """Let time pass; alarms ring in order."""
        until = self.now + seconds
        while self._alarms and self._alarms[0][0] <= until:
            self.now, _, alarm, callback = heapq.heappop(self._alarms)
            if not alarm.is_cancelled:
                callback()
        self.now = until


class FirstFree(Router):
    """Chooses the first candidate."""

    name = "first_free"

    def choose(self, call: Call, candidates: Sequence[Candidate]) -> Choice | None:
        """Return the first."""
        del call
        return Choice(candidates[0], "first")


class InOrder(AdmissionPolicy):
    """Serves calls as they came."""

    name = "in_order"

    def decide(self, call: Call, load: Load) -> Admit | Wait | Reject:
        """Let equal keys wait in order of arrival."""
        del call
        return Admit() if load.free_count and not load.has_waiters else Wait(0.0)


@define(eq=False)
class Arrival:
    """A call that came to the yard.

    Attributes:
        number: In order of arrival.
        ids: The endpoints that would do.
        waiting: What it was told when it began to wait.
    """

    yard: Yard
    number: int
    principal: str
    ids: frozenset[str]
    waiting: list[Waiting] = field(factory=list)
    task: asyncio.Task[Lease] = field(init=False)

    @property
    def is_waiting(self) -> bool:
        """Whether it has neither a lease nor an error."""
        return not self.task.done()

    @property
    def error(self) -> BaseException | None:
        """What it failed with."""
        return self.task.exception() if self.task.done() and not self.task.cancelled() else None

    @property
    def lease(self) -> Lease | None:
        """Its lease, given back or not."""
        return self.task.result() if self.task.done() and not self.task.cancelled() and self.error is None else None

    @property
    def is_served(self) -> bool:
        """Whether it holds a lease now."""
        return self.lease is not None and not self.lease.is_released

    def release(self, outcome: Outcome = Outcome.COMPLETED, error: CallError | None = None) -> None:
        """Give the lease back, *error* being what the endpoint failed with, and let everybody move on."""
        assert self.lease is not None
        self.lease.release(Outcome.FAILED if error is not None else outcome, error)
        self.yard.settle()

    def cancel(self) -> None:
        """The client leaves."""
        self.task.cancel()
        self.yard.settle()


class Yard:
    """The stage ``acquire`` under a virtual clock. Close it."""

    def __init__(
        self,
        endpoints: Sequence[FakeEndpoint],
        router: Router | None = None,
        policy: AdmissionPolicy | None = None,
        settings: AdmissionSettings | None = None,
        warmup_wait_s: float = 30.0,
    ) -> None:
        """Open with nobody in it."""
        self.clock = VirtualClock()
        self.endpoints = {endpoint.id: endpoint for endpoint in endpoints}
        chooser = router or FirstFree()
        self.acquire = Acquire(
            lambda _call, _target: chooser,
            policy or InOrder(),
            settings or AdmissionSettings(),
            warmup_wait_s=warmup_wait_s,
            clock=self.clock,
            call_later=self.clock.call_later,
        )
        self.arrivals: list[Arrival] = []
        self._runner = asyncio.Runner()

    def arrive(
        self,
        principal: str = "A",
        ids: Sequence[str] = (),
        *,
        model: str = "m",
        deadline_s: float = 1e6,
        weight: float = 1.0,
        look: Callable[[], Sequence[Target]] | None = None,
    ) -> Arrival:
        """Let a call come: it has a lease, an error, or waits, when this returns.

        Args:
            principal: Who calls.
            ids: Endpoints that would do; all by default.
            model: What is called.
            deadline_s: Of the whole call.
            weight: Of the principal.
            look: Says what it may be sent to while it waits; absent = the same as at first.
        """
        chosen = tuple(self.endpoints[endpoint_id] for endpoint_id in ids) or tuple(self.endpoints.values())
        arrival = Arrival(self, len(self.arrivals), principal, frozenset(endpoint.id for endpoint in chosen))
        now = self.clock()
        call = make_call(principal, model=model, deadline_at=now + deadline_s, weight=weight, received_at=now)

        async def ask() -> Lease:
            return await self.acquire(call, [Target(model, chosen)], on_wait=arrival.waiting.append, look=look)

        async def start() -> None:
            arrival.task = asyncio.create_task(ask())

        self._runner.run(start())
        self.arrivals.append(arrival)
        self.settle()
        return arrival

    def settle(self) -> None:
        """Let every task that can go on do so."""

        async def turn() -> None:
            for _ in range(SETTLE_TURNS):
                await asyncio.sleep(0)

        self._runner.run(turn())

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.settle()

    def waiting(self) -> list[Arrival]:
        """Who waits, in order of arrival."""
        return [arrival for arrival in self.arrivals if arrival.is_waiting]

    def served(self) -> list[Arrival]:
        """Who holds a lease, in order of arrival."""
        return [arrival for arrival in self.arrivals if arrival.is_served]

    def close(self) -> None:
        """Send everybody away."""
        for arrival in self.waiting():
            arrival.cancel()
        for arrival in self.served():
            arrival.release()
        self._runner.close()
