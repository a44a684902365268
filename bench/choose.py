"""Measures the stage ``acquire``: µs for a choice alone, for acquire + release without waiting, and for a hand-over.

``python bench/choose.py [--json]``. Medians of interleaved rounds; goals are those of docs/explanation/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable

from llmlb_admission_fair.policy import FairAdmission
from llmlb_router_basic.least_in_flight import LeastInFlight
from llmlb_router_basic.round_robin import RoundRobin
from llmlb_testing.yard import FakeEndpoint, make_call

from llmlb_core import Candidate, Outcome, Router, Target
from llmlb_core.settings.sections import AdmissionSettings
from llmlb_core.stages.acquire import Acquire

ROUNDS = 7
GOALS_US = {"choose, 4 candidates": 4.0, "choose, 1000 candidates": 400.0, "acquire + release, 4 endpoints": 10.0}


class Slots(FakeEndpoint):
    """An endpoint as cheap as a real one: a plain counter, without the checks of the fake."""

    in_flight = 0
    max_in_flight = 256
    unroutable_reason = None


def choosing(router: Router, count: int) -> Callable[[int], float]:
    """Return a round of choices among *count* candidates."""
    target = Target("m", tuple(Slots(f"e{index}") for index in range(count)))
    candidates = [Candidate(endpoint, target, 0, 256, index) for index, endpoint in enumerate(target.endpoints)]
    call = make_call()

    def play(repeats: int) -> float:
        started_at = time.perf_counter()
        for _ in range(repeats):
            router.choose(call, candidates)
        return time.perf_counter() - started_at

    return play


def acquiring(router: Router, count: int) -> Callable[[int], float]:
    """Return a round of leases that are taken and given back, without waiting."""
    targets = [Target("m", tuple(Slots(f"e{index}") for index in range(count)))]
    acquire = Acquire(lambda _call, _target: router, FairAdmission(), AdmissionSettings())
    call = make_call()

    async def leases(repeats: int) -> float:
        started_at = time.perf_counter()
        for _ in range(repeats):
            (await acquire(call, targets)).release(Outcome.COMPLETED)
        return time.perf_counter() - started_at

    return lambda repeats: asyncio.run(leases(repeats))


def handing_over(router: Router) -> Callable[[int], float]:
    """Return a round of calls of ten principals that all wait for one slot, one task each."""
    endpoint = Slots("e0")
    endpoint.max_in_flight = 1
    targets = [Target("m", (endpoint,))]
    acquire = Acquire(lambda _call, _target: router, FairAdmission(), AdmissionSettings(queue_size=10_000))

    async def one(principal: str) -> None:
        lease = await acquire(make_call(principal), targets)
        await asyncio.sleep(0)
        lease.release(Outcome.COMPLETED)

    async def crowd(repeats: int) -> float:
        started_at = time.perf_counter()
        for _ in range(0, repeats, 100):
            await asyncio.gather(*(one(f"p{index % 10}") for index in range(100)))
        return time.perf_counter() - started_at

    return lambda repeats: asyncio.run(crowd(repeats))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    plays: dict[str, tuple[int, Callable[[int], float]]] = {}
    for router in (RoundRobin, LeastInFlight):
        plays[f"choose, 4 candidates ({router.name})"] = (20_000, choosing(router(), 4))
        plays[f"choose, 1000 candidates ({router.name})"] = (500, choosing(router(), 1000))
        plays[f"acquire + release, 4 endpoints ({router.name})"] = (10_000, acquiring(router(), 4))
        plays[f"acquire + release, 1000 endpoints ({router.name})"] = (200, acquiring(router(), 1000))
    plays["wait + hand-over + release, 100 waiting, task included"] = (2_000, handing_over(LeastInFlight()))
    rounds: dict[str, list[float]] = {name: [] for name in plays}
    for _ in range(ROUNDS):
        for name, (repeats, play) in plays.items():
            rounds[name].append(play(repeats) / repeats * 1e6)
    medians = {name: round(statistics.median(values), 2) for name, values in rounds.items()}
    if as_json:
        print(json.dumps(medians, indent=2))
        return
    for name, median in medians.items():
        goal = GOALS_US.get(name.partition(" (")[0])
        print(f"{name:<56} {median:8.2f} µs" + (f"   goal < {goal:g}" if goal else ""))


if __name__ == "__main__":
    main()
