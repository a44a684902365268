"""Measures choices: µs for each router alone, for acquire + release without waiting, and for a hand-over.

``python bench/choose.py [--json] [--router NAME]``. Goals are those of docs/explanation/performance.md. Routers are those that
installed plugins bring, taught by five calls for each endpoint; *idle* is with nothing running anywhere, *busy* with calls
everywhere, each choice of another call with a body of 1 kB. Medians of interleaved rounds; CPU time, so that other programs
disturb little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from llmlb_admission_fair.policy import FairAdmission
from llmlb_testing.yard import FakeEndpoint, make_call

from llmlb_core import Candidate, Feedback, Outcome, Record, Router, Target, Usage
from llmlb_core.plugin_host.loader import load_plugins
from llmlb_core.settings.sections import AdmissionSettings, Settings
from llmlb_core.stages.acquire import Acquire

ROUNDS = 7
GOALS_US = {"choose, 4": 4.0, "choose, 1000": 400.0, "acquire + release, 4": 10.0}
BODY = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"' + b"word " * 190 + b'"}]}'


class Slots(FakeEndpoint):
    """An endpoint as cheap as a real one: a plain counter, without the checks of the fake."""

    facts = None
    in_flight = 0
    max_in_flight = 256
    unroutable_reason = None


def routers() -> Iterator[tuple[Router, list[Feedback]]]:
    """Yield every installed router, each with feedback of its own."""
    settings = Settings(data_dir=Path(os.devnull))
    hooks = ("llmlb_routers", "llmlb_observers")
    for name in sorted(load_plugins(settings, enforce=False, hooks=hooks).registry.routers):
        registry = load_plugins(settings, enforce=False, hooks=hooks).registry
        owner = registry.owners[f"router:{name}"]
        taught = [each for key, each in registry.feedbacks.items() if registry.owners[f"feedback:{key}"] == owner]
        yield registry.routers[name], taught


def teach(feedbacks: list[Feedback], target: Target) -> None:
    """Let five calls end at every endpoint, at nearly the same speed."""
    for number in range(5):
        for place, endpoint in enumerate(target.endpoints):
            seconds = 0.1 + 0.001 * ((place + number) % 7)
            record = Record("r", 0.0, model="m", operation="chat", served_by=endpoint.name, stream=True, ending="finished")
            record.first_token_s, record.duration_s, record.bytes_in = seconds, 11 * seconds, len(BODY)
            record.usage = Usage(200, 100)
            for feedback in feedbacks:
                feedback.on_end(record)


def choosing(router: Router, feedbacks: list[Feedback], count: int, *, is_busy: bool) -> Callable[[int], float]:
    """Return a round of choices among *count* candidates."""
    target = Target("m", tuple(Slots(f"e{index}") for index in range(count)))
    teach(feedbacks, target)
    candidates = [Candidate(each, target, 1 if is_busy else 0, 256, index) for index, each in enumerate(target.endpoints)]
    began = 0

    def play(repeats: int) -> float:
        nonlocal began
        headers = {"x-session-id": f"s{began % 50}"}
        # 20 a second: half of what four endpoints can read
        calls = [make_call(body=BODY, headers=headers, stream=True, received_at=(began + n) / 20) for n in range(repeats)]
        began += repeats
        started_at = time.thread_time()
        for call in calls:
            router.choose(call, candidates)
        return time.thread_time() - started_at

    return play


def acquiring(router: Router, count: int) -> Callable[[int], float]:
    """Return a round of leases that are taken and given back, without waiting."""
    targets = [Target("m", tuple(Slots(f"e{index}") for index in range(count)))]
    acquire = Acquire(lambda _call, _target: router, FairAdmission(), AdmissionSettings())
    call = make_call()

    async def leases(repeats: int) -> float:
        started_at = time.thread_time()
        for _ in range(repeats):
            (await acquire(call, targets)).release(Outcome.COMPLETED)
        return time.thread_time() - started_at

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
        started_at = time.thread_time()
        for _ in range(0, repeats, 100):
            await asyncio.gather(*(one(f"p{index % 10}") for index in range(100)))
        return time.thread_time() - started_at

    return lambda repeats: asyncio.run(crowd(repeats))


def plays(names: tuple[str, ...]) -> dict[str, tuple[int, Callable[[int], float]]]:
    """Return what is measured: how many repeats a round, and the round."""
    found: dict[str, tuple[int, Callable[[int], float]]] = {}
    every = [(router, feedbacks) for router, feedbacks in routers() if not names or router.name in names]
    for router, feedbacks in every:
        for count, repeats in ((4, 2_000), (1000, 40)):
            for is_busy in (False, True):
                state = "busy" if is_busy else "idle"
                play = choosing(router, feedbacks, count, is_busy=is_busy)
                found[f"choose, {count} {state} endpoints ({router.name})"] = repeats, play
    for router, _ in every:
        found[f"acquire + release, 4 endpoints ({router.name})"] = 5_000, acquiring(router, 4)
    found["wait + hand-over + release, 100 waiting, task included"] = 2_000, handing_over(every[0][0])
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print a JSON object of medians in µs")
    parser.add_argument("--router", action="append", default=[], help="only this router; may be given more than once")
    options = parser.parse_args()
    rounds: dict[str, list[float]] = {}
    measured = plays(tuple(options.router))
    for _ in range(ROUNDS):
        for name, (repeats, play) in measured.items():
            rounds.setdefault(name, []).append(play(repeats) / repeats * 1e6)
    medians = {name: round(statistics.median(values), 2) for name, values in rounds.items()}
    if options.json:
        print(json.dumps(medians, indent=2))
        return
    for name, median in medians.items():
        goal = next((goal for begin, goal in GOALS_US.items() if name.startswith(f"{begin} ")), None)
        print(f"{name:<56} {median:8.2f} µs" + (f"   goal < {goal:g}" if goal else ""))


if __name__ == "__main__":
    main()
