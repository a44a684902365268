"""``python -m bench soak``: hundreds of streams all the time, plain calls beside them, for minutes; no error, flat memory."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from attrs import evolve

from bench import proctree
from bench.bodies import SMALL_BYTES, call_body
from bench.cores import choose_cores, pinned
from bench.errors import BenchError
from bench.loop_lag import parse_dropped, parse_lag, read_metrics
from bench.markers import write_between
from bench.paths import ROOT
from bench.peers import Peer, load_peers
from bench.plot import Curve, curve
from bench.server import Server, running_engine, running_server
from bench.soaked import MAX_GROWTH_MB_PER_H, Load, Soaked, document, markdown
from bench.steady import StreamReport, call_again, open_streams
from bench.trend import MemorySample

EVENTS, INTERVAL_MS = 64, 50.0
SAMPLE_S, PROGRESS_S = 1.0, 10.0
FAILED_ENOUGH = 100
"""So many errors end the run early: the rest of it would say nothing new."""
PAGES = ROOT / "docs" / "explanation"


def administered(peer: Peer) -> Peer:
    """Return *peer* with a key that may also read ``/metrics`` and the admin pages."""
    key: Any = ["admin" if part == "api" else part for part in peer.key]  # Any: mypy does not know the member's converter
    return evolve(peer, key=key)


def soak(load: Load) -> Soaked:
    """Run *load* against a fresh server in front of two fake engines; progress goes to stderr.

    Raises:
        BenchError: The server or a tool failed.
    """
    server_core, load_core = choose_cores()
    with (
        pinned(load_core),
        running_engine(load_core, EVENTS, INTERVAL_MS) as first,
        running_engine(load_core, EVENTS, INTERVAL_MS) as second,
        running_server(administered(load_peers()["llmlb"]), server_core, (first, second), call_body(SMALL_BYTES)) as server,
    ):
        try:
            return asyncio.run(_soak(load, server))
        except* (BenchError, OSError) as group:
            raise BenchError(f"the soak broke off: {_first(group)}") from group


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def _soak(load: Load, server: Server) -> Soaked:
    soaked = Soaked(load)
    earlier = await asyncio.to_thread(read_metrics, server)
    before, began_at = proctree.look(server.pid), time.monotonic()
    is_over = asyncio.Event()
    pause_s = load.callers / load.calls_per_s

    def has_more() -> bool:
        return not is_over.is_set() and soaked.errors < FAILED_ENOUGH

    async with asyncio.TaskGroup() as tasks:
        for _ in range(load.callers):
            tasks.create_task(call_again(server, soaked.tally, has_more=has_more, pause_s=pause_s))
        tasks.create_task(_sample(server, soaked, is_over, began_at))
        try:
            async with open_streams(server, load.streams, EVENTS, load.seconds) as reports:
                await _follow(reports, soaked)
        finally:
            is_over.set()
    after = proctree.look(server.pid)
    soaked.cpu_share = proctree.spent_s(before, after) / (time.monotonic() - began_at)
    now = await asyncio.to_thread(read_metrics, server)
    soaked.lag = parse_lag(now).since(parse_lag(earlier))
    soaked.dropped_records = parse_dropped(now) - parse_dropped(earlier)
    return soaked


async def _follow(reports: AsyncIterator[StreamReport], soaked: Soaked) -> None:
    told_at = began_at = time.monotonic()
    async for report in reports:
        soaked.take(report)
        if soaked.errors >= FAILED_ENOUGH:
            return
        if (now := time.monotonic()) - told_at >= PROGRESS_S or report.is_last:
            told_at = now
            rss = soaked.memory[-1].rss_bytes / 1e6 if soaked.memory else 0.0
            print(
                f"{now - began_at:6.0f} s · {soaked.tally.calls:,} calls · {report.streams:,} streams, {report.open} open · "
                f"{soaked.errors} errors · {rss:.1f} MB · event p99 {report.latency_p99_ms:.1f} ms",
                file=sys.stderr,
                flush=True,
            )


async def _sample(server: Server, soaked: Soaked, is_over: asyncio.Event, began_at: float) -> None:
    while not is_over.is_set():
        pids = proctree.look(server.pid).pids
        if server.pid not in pids:
            raise BenchError("the server ended in the middle of the soak")
        soaked.memory.append(MemorySample(time.monotonic() - began_at, proctree.rss_bytes(pids)))
        try:
            await asyncio.wait_for(is_over.wait(), SAMPLE_S)
        except TimeoutError:
            continue


def save(soaked: Soaked, date: str) -> None:
    """Write the table and the plot into the docs."""
    write_between(PAGES / "performance.md", "soak", markdown(soaked, date))
    points = [(each.at_s / 60, each.rss_bytes / 1e6) for each in soaked.memory]
    title = f"Soak, {date[:10]}: {soaked.load.streams} streams, {soaked.load.calls_per_s:g} calls/s"
    (PAGES / "soak.svg").write_text(curve(Curve(title, "minutes", "MB resident, the whole process tree", points)))


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.set_defaults(command=command)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--streams", type=int, default=500, help="open at a time")
    parser.add_argument("--calls-per-s", type=float, default=200.0, help="plain calls beside them")
    parser.add_argument("--max-growth", type=float, default=MAX_GROWTH_MB_PER_H, metavar="MB/H", help="more than this fails")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--save", action="store_true", help="write table and plot into docs/explanation")


def command(arguments: argparse.Namespace) -> int:
    """Run it; 1 on an error or on growth above the bound."""
    if arguments.minutes <= 0 or arguments.streams < 1 or arguments.calls_per_s <= 0:
        raise BenchError("--minutes, --streams and --calls-per-s must be greater than 0")
    soaked = soak(Load(arguments.minutes * 60, arguments.streams, calls_per_s=arguments.calls_per_s))
    complaints = soaked.complaints(arguments.max_growth)
    told = document(soaked, complaints)
    if arguments.json:
        print(json.dumps(told))
    else:
        for name, value in soaked.rows():
            print(f"{name:44} {value:>24}")
    for complaint in complaints:
        print(f"soak failed: {complaint}", file=sys.stderr)
    if arguments.save and not complaints:
        save(soaked, told["date"])
    return 1 if complaints else 0
