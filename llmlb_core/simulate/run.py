"""One run: the calls of a trace, one router, and the stage ``acquire`` between them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator

from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Outcome, Target
from llmlb_core.domain.records import Attempt, Record
from llmlb_core.domain.results import Usage
from llmlb_core.errors import CallError, NoEndpoint
from llmlb_core.settings.sections import AdmissionSettings, DispatchSettings
from llmlb_core.simulate.brought import Brought
from llmlb_core.simulate.calls import CallMaker
from llmlb_core.simulate.endpoint import SimulatedEndpoint, Work
from llmlb_core.simulate.loop import VirtualLoop
from llmlb_core.simulate.planned import Planned
from llmlb_core.simulate.scenario import Scenario
from llmlb_core.simulate.tally import Result, Tally
from llmlb_core.stages.acquire import Acquire, Lease

CALL_TIMEOUT_S = 600.0
MAX_ATTEMPTS = DispatchSettings().max_attempts
"""Of one call, each at another endpoint: nothing is simulated of waiting for the same one."""


class Run:
    """Sends calls through one router. Made for one run only.

    Attributes:
        loop: Its clock.
        endpoints: All of them.
        waiting: Calls that wait for a slot: what they may go to, and the ids of those endpoints that they tried in vain.
    """

    def __init__(
        self,
        scenario: Scenario,
        brought: Brought,
        admission: AdmissionSettings,
        *,
        seed: int = 0,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        """Build the endpoints of *scenario* and put *brought* before them.

        Args:
            scenario: Its traffic is not looked at.
            brought: Router, policy and feedback; new ones.
            admission: Bounds of the queue, and weights.
            seed: Of the endpoints' failures, and of ``random``, which routers may use.
            timeout_s: Deadline of a whole call.
        """
        self.loop = loop = VirtualLoop()
        self.endpoints = tuple(_build(scenario, loop, seed))
        self.waiting: dict[str, tuple[Target, frozenset[str]]] = {}
        self._scenario = scenario
        self._brought = brought
        self._seed = seed
        self._maker = CallMaker(brought.dialects, timeout_s)
        self._tally = Tally(scenario.slo_first_token_s)
        self._targets: dict[str, tuple[Target]] = {}
        router = brought.router
        self._acquire = Acquire(lambda _call, _target: router, brought.policy, admission, clock=loop.time, call_later=loop.after)
        for endpoint in self.endpoints:
            endpoint.on_change = self._acquire.wake
        for model in {model: None for group in scenario.endpoints for model in group.models}:
            self._targets[model] = (Target(model, tuple([each for each in self.endpoints if model in each.group.models])),)

    def go(self, calls: Iterable[Planned], watch: Callable[[], None] | None = None) -> Result:
        """Serve *calls*, which come in order of time, and return what it came to.

        Args:
            calls: Each of a model that some endpoint has.
            watch: Called whenever nothing more happens at a moment, for whoever checks what holds then.
        """
        self.loop.on_settled = watch
        self._begin_s = self.loop.time()
        state = random.getstate()
        random.seed(self._seed)
        try:
            self._next(iter(calls))
            self.loop.run()
        finally:
            random.setstate(state)
        tally = self._tally
        tally.faults.update(self._acquire.fault_counts)
        served = {endpoint.name: endpoint.served_count for endpoint in self.endpoints}
        return tally.result(self._scenario.name, self._brought.router.name, self.loop.time() - self._begin_s, served)

    # --- inside -------------------------------------------------------------------------------------------------

    def _next(self, calls: Iterator[Planned]) -> None:
        planned = next(calls, None)
        if planned is not None:
            self.loop.at(self._begin_s + planned.at_s, self._come, planned, calls)

    def _come(self, planned: Planned, calls: Iterator[Planned]) -> None:
        self._tally.calls += 1
        self.loop.create_task(self._serve(planned, self._tally.calls))
        self._next(calls)

    async def _serve(self, planned: Planned, number: int) -> None:
        """Do what ``Pipeline.serve`` does, from the stage ``acquire`` on."""
        try:
            call = self._maker.make(planned, number, self.loop.time())
            record = Record(call.id, call.head.received_at, "POST", call.head.path)
            record.describe(call)
            try:
                await self._place(call, planned, record)
                record.status, record.ending = 200, "finished"
            except CallError as error:
                record.status, record.ending, record.error_code = error.status, "failed", error.code
                self._tally.errors[error.code] += 1
            record.duration_s = self.loop.time() - record.started_at
            self._feed_back(record)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the run ends with it
            self.loop.fail(error)

    async def _place(self, call: Call, planned: Planned, record: Record) -> None:
        """Try endpoints until one answers, as the stage ``dispatch`` does; then wait for the whole answer."""
        targets = self._targets[planned.model]
        lease = self._acquire.at_once(call, targets) or await self._wait(call, targets, frozenset())
        tried: frozenset[str] = frozenset()
        outcome = Outcome.FAILED
        try:
            while True:
                work, began_at = self._begin(lease, planned), self.loop.time()
                try:
                    await work.first
                    break
                except CallError as error:
                    lease.release(Outcome.FAILED)
                    tried |= {lease.endpoint.id}
                    record.attempts.append(Attempt(lease.endpoint.name, "failed", error.code, self.loop.time() - began_at))
                    if len(tried) >= MAX_ATTEMPTS:
                        raise
                    try:
                        lease = await self._wait(call, targets, tried)
                    except NoEndpoint:
                        raise error from None
                    self._tally.retries += 1
            self._note_first_token(lease, work, record)
            await work.done
            outcome = Outcome.COMPLETED
            self._note_end(lease, work, record)
        finally:
            lease.release(outcome)

    def _begin(self, lease: Lease, planned: Planned) -> Work:
        endpoint = lease.endpoint
        assert isinstance(endpoint, SimulatedEndpoint)
        return endpoint.begin(planned)

    async def _wait(self, call: Call, targets: tuple[Target], exclude: frozenset[str]) -> Lease:
        """Get a lease, and note how many wait meanwhile."""

        def begin_to_wait(_waiting: object) -> None:
            self.waiting[call.id] = targets[0], exclude
            self._tally.waited += 1
            self._tally.queue(1, self.loop.time())

        try:
            return await self._acquire(call, targets, exclude, on_wait=begin_to_wait)
        finally:
            if self.waiting.pop(call.id, None) is not None:
                self._tally.queue(-1, self.loop.time())

    def _note_first_token(self, lease: Lease, work: Work, record: Record) -> None:
        record.served_by = lease.endpoint.name
        record.queue_wait_s = lease.waited_s
        record.first_token_s = seconds = self.loop.time() - record.started_at
        tally = self._tally
        tally.first_token(seconds)
        tally.prompt_tokens += work.prompt_tokens
        tally.cached_tokens += work.cached_tokens

    def _note_end(self, lease: Lease, work: Work, record: Record) -> None:
        assert isinstance(lease.endpoint, SimulatedEndpoint)
        assert record.first_token_s is not None
        lease.endpoint.finish(work)
        record.usage = Usage(work.prompt_tokens, work.planned.output_tokens, work.cached_tokens)
        self._tally.served(record.first_token_s, self.loop.time() - record.started_at)

    def _feed_back(self, record: Record) -> None:
        for name, feedback in self._brought.feedbacks.items():
            try:
                feedback.on_end(record)
            except Exception:  # noqa: BLE001  # other people's code: counted, as a server would
                self._tally.faults[f"feedback {name!r}"] += 1


def _build(scenario: Scenario, loop: VirtualLoop, seed: int) -> Iterator[SimulatedEndpoint]:
    for group in scenario.endpoints:
        for number in range(group.count):
            name = group.name if group.count == 1 else f"{group.name}-{number + 1}"
            yield SimulatedEndpoint(group, name, loop, seed)
