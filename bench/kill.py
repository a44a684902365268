"""``python -m bench kill``: ``kill -9`` one of two real llama.cpp servers while deterministic streams run through llmlb."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from attrs import Factory, define, field
from llmlb_testing.server import LiveServer
from llmlb_testing.starter import starter_model_path

from bench.errors import BenchError
from bench.machine import describe_machine
from bench.markers import write_between
from bench.paths import BENCH, ROOT, SCRATCH
from llmlb_core.faults.caller import HttpCaller, Seen, make_call
from llmlb_core.faults.runner import until
from llmlb_core.faults.told import has_content, read_told

PAGE = ROOT / "docs" / "explanation" / "reliability.md"
MODEL, ROUTE = "smollm2", "/v1/chat/completions"
GOAL = 0.9
BEGIN_S, DEADLINE_S = 180.0, 400.0
TIMEOUTS = "{ head_s = 180, first_token_s = 180, switch_s = 180, idle_s = 120 }"
"""Long: this is about a death, not about a machine that is slow with fifty streams on a core or two."""


@define
class Stream:
    """One stream: what it asked and what came."""

    prompt: str
    seen: Seen = field(factory=Seen)
    was_open: bool = False

    @property
    def endpoint(self) -> str:
        """Who began it."""
        return self.seen.headers.get("x-llmlb-endpoint", "")

    @property
    def how(self) -> str:
        """How it ended: ``whole``, ``in_band``, ``error`` before any text, or ``cut``, which must not be."""
        told = read_told(self.seen)
        if not self.seen.is_whole:
            return "cut"
        if self.seen.status != 200:
            return "error"
        if told.errors:
            return "in_band" if len(told.errors) == 1 and not told.sentinels and not told.after_end else "cut"
        return "whole" if told.sentinels == 1 and told.finishes else "cut"


@define
class Killed:
    """What was seen."""

    tokens: int
    streams: list[Stream] = Factory(list)
    victim: str = ""

    @property
    def hit(self) -> list[Stream]:
        """Those that the killed server had begun and not finished."""
        return [each for each in self.streams if each.was_open and each.endpoint == self.victim]

    def count(self, how: str, *, hit: bool = False) -> int:
        """Count streams that ended so."""
        return sum(each.how == how for each in (self.hit if hit else self.streams))

    @property
    def saved(self) -> float:
        """The share of those hit that ended whole."""
        return self.count("whole", hit=True) / max(1, len(self.hit))

    def complaints(self) -> list[str]:
        """Return what is not as it must be."""
        found = [f"{each.prompt!r} is cut: {each.seen.problem or 'no end'}" for each in self.streams if each.how == "cut"]
        if not self.hit:
            found.append("no stream was at the server that was killed")
        elif self.saved < GOAL:
            found.append(f"{self.saved:.0%} of the streams that lost their server ended whole, expected {GOAL:.0%}")
        return found

    def rows(self) -> list[tuple[str, str]]:
        """Return the table."""
        return [
            ("streams", f"{len(self.streams)}"),
            ("tokens of each", f"{self.tokens}"),
            ("in the middle at the server that was killed", f"{len(self.hit)}"),
            ("of these ended whole, by replay at the other", f"{self.count('whole', hit=True)} ({self.saved:.0%})"),
            ("of these ended with one error event", f"{self.count('in_band', hit=True)}"),
            ("of all ended whole", f"{self.count('whole')}"),
            ("of all ended with an error before any text", f"{self.count('error')}"),
            ("cut, or short without saying so", f"{self.count('cut')}"),
        ]


@contextmanager
def _llama(slots: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, str(BENCH / "llamacpp.py"), str(starter_model_path()), str(slots)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address.startswith("http://"):
                raise BenchError("llama.cpp's server did not start; is llmlb-engine-llamacpp installed?")
            yield process, address
        finally:
            process.kill()


def kill_one(count: int, tokens: int) -> Killed:
    """Open *count* streams of *tokens* tokens, kill one of two servers when a quarter of each has come, and read to the ends."""
    slots = (count + 1) // 2
    (SCRATCH / "run").mkdir(parents=True, exist_ok=True)
    with _llama(slots) as first, _llama(slots) as second, tempfile.TemporaryDirectory(dir=SCRATCH / "run") as folder:
        servers = {"first": first, "second": second}
        # Without heartbeats: a stream that one has opened tells in no header who serves it.
        toml = "[server]\nheartbeat_s = 0\n\n[log]\naccess = false\n\n" + "".join(
            f'[[endpoints]]\nname = "{name}"\nurl = "{url}"\nmodels = ["{MODEL}"]\n'
            f"max_in_flight = {count}\ntimeouts = {TIMEOUTS}\n\n"
            for name, (_, url) in servers.items()
        )
        live = LiveServer.start(Path(folder) / "data", toml)
        try:
            return asyncio.run(_kill(live, {name: process.pid for name, (process, _) in servers.items()}, count, tokens))
        finally:
            live.stop()


async def _kill(live: LiveServer, pids: dict[str, int], count: int, tokens: int) -> Killed:
    killed = Killed(tokens, [Stream(f"Count in words, from {number}.") for number in range(1, count + 1)])
    caller = HttpCaller(live.url, live.key)
    calls = [
        asyncio.create_task(make_call(caller, ROUTE, _body(each.prompt, tokens), DEADLINE_S, each.seen)) for each in killed.streams
    ]
    wanted = max(1, tokens // 4)
    begun = await until(
        lambda: all(
            call.done() or each.seen.body.count(b'"content":') > wanted for call, each in zip(calls, killed.streams, strict=True)
        ),
        BEGIN_S,
    )
    for call, each in zip(calls, killed.streams, strict=True):
        each.was_open = not call.done() and has_content(bytes(each.seen.body))
    at = {name: sum(each.was_open and each.endpoint == name for each in killed.streams) for name in pids}
    killed.victim = max(at, key=lambda name: at[name])
    print(
        f"{'all' if begun else 'not all'} streams have a quarter; in the middle: {at}; kill -9 of {killed.victim}", file=sys.stderr
    )
    os.kill(pids[killed.victim], signal.SIGKILL)
    await asyncio.gather(*calls)
    return killed


def _body(prompt: str, tokens: int) -> bytes:
    return json.dumps(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "seed": 1,
            "max_tokens": tokens,
            "stream": True,
            "ignore_eos": True,
            "cache_prompt": False,
        }
    ).encode()


def markdown(killed: Killed, date: str) -> str:
    """Return the table for the page."""
    machine = describe_machine()
    told = f"Measured {date}: {machine['cpu']}, {machine['cores']} cores, SmolLM2-135M, one thread a server."
    rows = "\n".join(f"| {name} | {value} |" for name, value in killed.rows())
    return f"{told}\n\n| `kill -9` | |\n|---|---:|\n{rows}"


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.set_defaults(command=command)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=32, help="of each stream")
    parser.add_argument("--save", action="store_true", help="write the table into docs/explanation/reliability.md")


def command(arguments: argparse.Namespace) -> int:
    """Run it; 1 where a stream is cut, or too few end whole."""
    if arguments.streams < 2 or arguments.tokens < 8:
        raise BenchError("--streams is at least 2, --tokens at least 8")
    killed = kill_one(arguments.streams, arguments.tokens)
    for name, value in killed.rows():
        print(f"{name:50} {value:>12}")
    complaints = killed.complaints()
    for complaint in complaints:
        print(f"kill: {complaint}", file=sys.stderr)
    if arguments.save and not complaints:
        write_between(PAGE, "kill", markdown(killed, datetime.now(UTC).date().isoformat()))
    return 1 if complaints else 0
