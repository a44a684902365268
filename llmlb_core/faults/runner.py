"""Makes the calls of cases and judges what comes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from llmlb_core.faults.caller import Caller, Seen, make_call
from llmlb_core.faults.case import Case, Mode, request_body
from llmlb_core.faults.judge import LEFT_S, SLACK_S, broken_invariants, judge
from llmlb_core.faults.server import FaultServer
from llmlb_core.faults.told import has_content
from llmlb_core.faults.visit import Plan

BASE_S = 8.0
"""A call may take so long beyond the limits that have to pass; generous, for slow machines."""
IDLE_S = 5.0
"""Nothing is in flight any more so long after a call."""
AGAIN_S = 0.25

_numbers = itertools.count(1)


class Ground(msgspec.Struct, frozen=True):
    """Where the calls of one case go: endpoints that serve its model and nothing else.

    Attributes:
        model: What calls name.
        limits: Time limits of the endpoints, by name, in seconds.
    """

    model: str
    limits: Mapping[str, float]


class Place(Protocol):
    """A server under test, with endpoints at a fault server."""

    def ground(self, case: Case, mode: Mode) -> AbstractAsyncContextManager[Ground]:
        """Have endpoints for *case*; afterwards they are gone or idle."""

    async def in_flight(self, ground: Ground) -> int | None:
        """Return how many calls the server counts at the endpoints of *ground*; None where it does not tell."""


class Result(msgspec.Struct):
    """How one case went in one mode.

    Attributes:
        problems: What was not as it must be, in sentences; empty = passed.
        visits: Attempts that the endpoints saw.
        skipped: Why it was not tried; empty = it was.
    """

    name: str
    mode: Mode
    problems: list[str] = []
    status: int = 0
    visits: int = 0
    seconds: float = 0.0
    skipped: str = ""

    @property
    def is_passed(self) -> bool:
        """Whether it was tried and all is well."""
        return not self.problems and not self.skipped


async def run_cases(
    cases: Iterable[Case], place: Place, server: FaultServer, caller: Caller, *, at_a_time: int = 8, modes: Iterable[Mode] = ()
) -> AsyncIterator[Result]:
    """Run every case in each of its modes, *at_a_time* together, and yield results as they come.

    Args:
        cases: Rows of the table.
        place: The server under test.
        server: Where its endpoints are.
        caller: The door to it.
        at_a_time: More are faster, where the machine is.
        modes: Only these; none = all.
    """
    gate = asyncio.Semaphore(at_a_time)
    wanted = tuple(modes)

    async def one(case: Case, mode: Mode) -> Result:
        async with gate:
            return await run_case(case, mode, place, server, caller)

    tasks = [asyncio.create_task(one(case, mode)) for case in cases for mode in case.modes if not wanted or mode in wanted]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_case(case: Case, mode: Mode, place: Place, server: FaultServer, caller: Caller) -> Result:
    """Make the call of one case, another one after it, and look whether anything is left."""
    result = Result(case.name, mode)
    async with place.ground(case, mode) as ground:
        prompt = f"{case.name} {mode} {next(_numbers)}"
        plan = server.plan(prompt, *case.faults)
        seen, leave = Seen(), asyncio.Event()
        seen.on_news = _on_news(seen, plan, leave, case)
        deadline_s = BASE_S + case.extra_s + sum(ground.limits.get(name, 0.0) for name in case.waits)
        calling = asyncio.create_task(
            make_call(caller, case.path, request_body(case, mode, ground.model, prompt), deadline_s, seen, leave)
        )
        try:
            if case.leaves == "before_head":
                await until(lambda: bool(plan.visits) or calling.done(), BASE_S)
                leave.set()
            await calling
        finally:
            calling.cancel()
        visits = server.visits_of(prompt)
        if case.want == "left":
            await until(lambda: all(visit.over_at is not None for visit in visits), LEFT_S + SLACK_S)
        result.problems += judge(case, mode, seen, visits)
        result.status, result.visits, result.seconds = seen.status, len(visits), round(seen.seconds, 3)
        in_flight = await _idle(ground, place)
        if in_flight:
            result.problems.append(f"{in_flight} calls are still counted at its endpoints {IDLE_S:g} s later")
        result.problems += await _afterwards(case, mode, ground, server, caller)
        del server.plans[prompt]
    return result


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether *condition* came to hold within *seconds*."""
    end_at = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > end_at:
            return False
        await asyncio.sleep(0.01)
    return True


def _on_news(seen: Seen, plan: Plan, leave: asyncio.Event, case: Case) -> Callable[[], None]:
    def look() -> None:
        if not plan.delivered.is_set() and has_content(bytes(seen.body)):
            plan.delivered.set()
            if case.leaves == "middle":
                leave.set()

    return look


async def _afterwards(case: Case, mode: Mode, ground: Ground, server: FaultServer, caller: Caller) -> list[str]:
    """Return why calls do not work any more; nothing where they do."""
    end_at = asyncio.get_running_loop().time() + case.recovers_s
    while True:
        prompt = f"{case.name} {mode} {next(_numbers)} after"
        plan = server.plan(prompt)
        seen = await make_call(caller, case.path, request_body(case, mode, ground.model, prompt), BASE_S)
        complaints = list(broken_invariants(seen, plan.visits))
        del server.plans[prompt]
        if seen.status == 200 and not complaints:
            return []
        if complaints or asyncio.get_running_loop().time() > end_at:
            told = complaints or [f"status {seen.status}: {bytes(seen.body[:300])!r} {seen.problem}"]
            return [f"a call after it does not work: {told[0]}"]
        await asyncio.sleep(AGAIN_S)


async def _idle(ground: Ground, place: Place) -> int:
    end_at = asyncio.get_running_loop().time() + IDLE_S
    while True:
        count = await place.in_flight(ground)
        if not count or asyncio.get_running_loop().time() > end_at:
            return count or 0
        await asyncio.sleep(0.05)
