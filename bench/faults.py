"""``python -m bench faults``: random faults behind a real server, at a steady rate; four things must hold for every call."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from llmlb_testing.server import LiveServer

from bench import proctree
from bench.cores import choose_cores, pinned
from bench.errors import BenchError
from bench.faulted import Faulted, Storm, document, markdown
from bench.markers import write_between
from bench.paths import ROOT, SCRATCH
from bench.soaked import MAX_GROWTH_MB_PER_H
from bench.trend import MemorySample
from llmlb_core.faults.caller import HttpCaller
from llmlb_core.faults.chaos import BUSY, CHANCES, SILENT, Call, make_random_call
from llmlb_core.faults.server import FaultServer

PAGE = ROOT / "docs" / "explanation" / "reliability.md"
CALL_S, DEADLINE_S = 20.0, 25.0
SILENT_SHARE = 0.05
"""Of the faults: each of these holds its call until a limit has passed."""
BUSY_SHARE = 0.02
"""Of the faults: each of these keeps all calls from its endpoint for a second."""
MOST_OPEN = 2000
SAMPLE_S, PROGRESS_S, IDLE_S = 1.0, 10.0, 30.0
TIMEOUTS = "{ connect_s = 2, head_s = 3, first_token_s = 3, switch_s = 2, idle_s = 2, plain_s = 4 }"
HEAD = f"""
[server]
call_timeout_s = {CALL_S}

[admission]
queue_size = 2000

[log]
access = false
level = "error"

"""


def settings_of(url: str, count: int) -> str:
    """Return the settings of a server with *count* endpoints at the fault server."""
    tables = [
        f'[[endpoints]]\nname = "faulty-{number}"\nurl = "{url}/faulty-{number}"\nmodels = ["m"]\nmax_in_flight = 4000\n'
        f"timeouts = {TIMEOUTS}\n\n"
        for number in range(count)
    ]
    return HEAD + "".join(tables)


def random_calls(storm: Storm) -> Iterator[Call]:
    """Yield calls for ever; the same seed gives the same ones."""
    chances = random.Random(storm.seed)
    loud = [name for name in CHANCES if name not in SILENT and name not in BUSY]

    def fault() -> str:
        return chances.choice(chances.choices((SILENT, BUSY, loud), (SILENT_SHARE, BUSY_SHARE, 1 - SILENT_SHARE - BUSY_SHARE))[0])

    while True:
        faults: Sequence[str] = ()
        if chances.random() < storm.share:
            faults = tuple(fault() for _ in range(chances.choice((1, 1, 1, 2, 3))))
        yield Call("m", "stream" if chances.random() < 0.5 else "plain", faults, varies=chances.random() < 0.1)


@contextmanager
def _server(storm: Storm, url: str, core: int) -> Iterator[LiveServer]:
    (SCRATCH / "run").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH / "run") as folder:
        with pinned(core):
            live = LiveServer.start(Path(folder) / "data", settings_of(url, storm.endpoints))
        try:
            yield live
        finally:
            live.stop()


async def run(storm: Storm) -> Faulted:
    """Do it; progress goes to stderr."""
    server_core, load_core = choose_cores()
    with pinned(load_core):
        async with FaultServer.open() as server:
            context = _server(storm, server.url, server_core)
            live = await asyncio.to_thread(context.__enter__)
            try:
                return await _storm(storm, live, server)
            finally:
                await asyncio.to_thread(context.__exit__, None, None, None)


async def _storm(storm: Storm, live: LiveServer, server: FaultServer) -> Faulted:
    faulted, caller = Faulted(storm), HttpCaller(live.url, live.key)
    running: set[asyncio.Task[None]] = set()
    began_at = told_at = sampled_at = time.monotonic()

    async def one(call: Call) -> None:
        outcome = await make_random_call(caller, server, call, DEADLINE_S)
        faulted.ends[outcome.how] += 1
        faulted.attempts += outcome.attempts
        faulted.codes.update([outcome.code] if outcome.code else [])
        faulted.refused += not call.faults and outcome.how != "whole"
        faulted.met += bool(call.faults)
        faulted.saved += bool(call.faults) and outcome.how == "whole"
        faulted.complain(outcome.complaints)
        if not call.faults:
            faulted.well_latencies_s.append(outcome.seconds)

    for number, call in enumerate(random_calls(storm)):
        now = time.monotonic()
        if now - began_at >= storm.seconds or live.process.poll() is not None:
            break
        task = asyncio.create_task(one(call))
        running.add(task)
        task.add_done_callback(running.discard)
        if now - sampled_at >= SAMPLE_S:
            sampled_at = now
            faulted.memory.append(MemorySample(now - began_at, proctree.rss_bytes(proctree.look(live.process.pid).pids)))
        if now - told_at >= PROGRESS_S:
            told_at = now
            print(
                f"{now - began_at:6.0f} s · {faulted.calls:,} calls · {len(running)} open · {dict(faulted.ends)} · "
                f"{faulted.broken} broken · {faulted.memory[-1].rss_bytes / 1e6:.1f} MB",
                file=sys.stderr,
                flush=True,
            )
        while len(running) >= MOST_OPEN:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(max(0.0, began_at + (number + 1) / storm.calls_per_s - time.monotonic()))
    faulted.seconds = time.monotonic() - began_at
    await asyncio.gather(*running)
    await _look_afterwards(faulted, live, server, caller)
    return faulted


async def _look_afterwards(faulted: Faulted, live: LiveServer, server: FaultServer, caller: HttpCaller) -> None:
    """Note what is left in flight, and whether calls work."""
    if live.process.poll() is not None:
        faulted.left.append(f"the server ended with exit code {live.process.returncode}: {''.join(list(live.log)[-5:])}")
        return
    end_at = time.monotonic() + IDLE_S
    while (count := await asyncio.to_thread(in_flight, live)) and time.monotonic() < end_at:  # noqa: ASYNC110  # it is another process
        await asyncio.sleep(0.2)
    if count or server.open_count:
        faulted.left.append(
            f"{count} calls are counted in flight {IDLE_S:g} s later, {server.open_count} are open at the endpoints"
        )
    while True:  # breakers may be open for a moment longer
        outcome = await make_random_call(caller, server, Call("m", "stream"), DEADLINE_S)
        if outcome.how == "whole":
            return
        if time.monotonic() > end_at:
            faulted.left.append(f"a call after it ended as {outcome.how}")
            return


def in_flight(live: LiveServer) -> int:
    """Return how many calls the server counts at its endpoints."""
    request = urllib.request.Request(f"{live.url}/v0/endpoints", headers={"authorization": f"Bearer {live.key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return sum(each["in_flight"] for each in json.load(answer)["endpoints"])


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.set_defaults(command=command)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=200.0, help="calls a second, half of them streams")
    parser.add_argument("--share", type=float, default=0.2, help="of the calls, those that meet one to three faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-growth", type=float, default=MAX_GROWTH_MB_PER_H, metavar="MB/H", help="more than this fails")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--save", action="store_true", help="write the table into docs/explanation/reliability.md")


def command(arguments: argparse.Namespace) -> int:
    """Run it; 1 where something did not hold."""
    if arguments.minutes <= 0 or arguments.rate <= 0 or not 0 <= arguments.share <= 1:
        raise BenchError("--minutes and --rate must be greater than 0, --share between 0 and 1")
    import uvloop

    storm = Storm(arguments.minutes * 60, arguments.rate, arguments.share, seed=arguments.seed)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        faulted = runner.run(run(storm))
    complaints = faulted.complaints(arguments.max_growth)
    told = document(faulted, complaints)
    if arguments.json:
        print(json.dumps(told))
    else:
        for name, value in faulted.rows():
            print(f"{name:50} {value:>24}")
    for complaint in complaints:
        print(f"faults: {complaint}", file=sys.stderr)
    if arguments.save and not complaints:
        write_between(PAGE, "chaos", markdown(faulted, told["date"]))
    return 1 if complaints else 0
