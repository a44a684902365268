"""``python -m bench parts``: where the CPU time of a call and of an event goes: interpreter, libraries, kernel."""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import IO

from attrs import frozen

from bench import proctree
from bench.bodies import call_body
from bench.cores import choose_cores, pinned
from bench.errors import BenchError
from bench.machine import describe_machine
from bench.markers import write_between
from bench.paths import ROOT
from bench.peers import Peer, load_peers
from bench.result import LIMIT
from bench.scenarios import SCENARIOS, Bench
from bench.server import running_engine, running_server
from bench.tools import installed

PAGE = ROOT / "docs" / "explanation" / "performance.md"
LOADS = {"call": "call", "call66k": "call of 66 KB", "event": "event"}
"""Scenarios, and what one of what they count is called."""
SAMPLES_PER_S = 4000
ATTACH_S, READ_S = 20.0, 120.0
KERNEL = "[kernel.kallsyms]"
OURS = "llmlb"
LIBRARIES = (
    ("nginx", "nginx itself"),
    ("python", "Python: byte codes and what they call in the interpreter"),
    ("loop.", "uvloop"),
    ("parser.", "httptools"),
    ("_core.", "msgspec"),
    ("libsqlite", "SQLite"),
    ("_sqlite3", "SQLite"),
    ("libc.", "the C library"),
)
OTHER, IN_KERNEL = "other libraries", "the kernel: "
CALLS = (("write", "sending"), ("send", "sending"), ("read", "receiving"), ("recv", "receiving"), ("epoll", "waiting"))
_FRAME = re.compile(r"^\s+[0-9a-f]+ (.*) \((.*)\)$")
_SYSCALL = re.compile(r"^(?:__(?:x64|arm64)_sys_|__sys_|ksys_|do_)(?=write|send|read|recv|epoll)(\w+)")
_ANY_SYSCALL = re.compile(r"^do_syscall_64$|^el0_svc$")


@frozen
class Column:
    """Where the time of one server went under one load.

    Attributes:
        us: CPU time of one call or event, of the whole process tree.
        shares: Of each part; they add up to 1.
    """

    server: str
    load: str
    us: float
    shares: Mapping[str, float]

    def of(self, part: str) -> float:
        """Return the microseconds of one call or event that *part* takes."""
        return self.us * self.shares.get(part, 0.0)


def part_of(frames: Sequence[tuple[str, str]]) -> str:
    """Return what a sample belongs to; *frames* are its functions and their files, the innermost first."""
    file = frames[0][1]
    if file != KERNEL:
        name = Path(file).name
        return next((title for start, title in LIBRARIES if name.startswith(start)), OTHER)
    for function, _ in frames:
        if found := _SYSCALL.match(function):
            return IN_KERNEL + next(title for start, title in CALLS if found[1].startswith(start))
    is_asked = any(_ANY_SYSCALL.match(function) for function, _ in frames)
    return IN_KERNEL + ("other calls" if is_asked else "interrupts and page faults")


def samples(lines: Iterable[str]) -> Iterator[list[tuple[str, str]]]:
    """Read what ``perf script -F ip,sym,dso`` prints: a block of frames for each sample."""
    frames: list[tuple[str, str]] = []
    for line in [*lines, ""]:
        if found := _FRAME.match(line):
            frames.append((found[1], found[2]))
        elif not line.strip() and frames:
            yield frames
            frames = []


def shares_of(lines: Iterable[str]) -> dict[str, float]:
    """Return the share of each part.

    Raises:
        BenchError: There is no sample.
    """
    counts = collections.Counter(part_of(frames) for frames in samples(lines))
    total = sum(counts.values())
    if not total:
        raise BenchError("perf took no sample; may it look at other processes? sysctl kernel.perf_event_paranoid=1")
    return {part: count / total for part, count in counts.items()}


def find_perf() -> str:
    """Return its path.

    Raises:
        BenchError: It is not installed.
    """
    return installed("perf", "linux-perf", "CPU time cannot be taken apart")


@contextmanager
def _sampled(pids: Sequence[int]) -> Iterator[dict[str, float]]:
    """Sample *pids* inside the block; the dict that is yielded holds the shares after it."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="llmlb-bench-") as folder, (Path(folder) / "said").open("w+b") as said:
        data = str(Path(folder) / "perf.data")
        chosen = ("-F", str(SAMPLES_PER_S), "-e", "cpu-clock", "-g", "-o", data, "-p", ",".join(map(str, pids)))
        with _recording(chosen, said):
            yield found
        script = [find_perf(), "script", "-i", data, "-F", "ip,sym,dso"]
        done = subprocess.run(script, capture_output=True, text=True, check=False, errors="replace", timeout=READ_S)
        if done.returncode:
            said.seek(0)
            raise BenchError(f"perf failed: {(said.read().decode(errors='replace') + done.stderr).strip()[-500:]}")
        found.update(shares_of(done.stdout.splitlines()))


@contextmanager
def _recording(options: Sequence[str], said: IO[bytes]) -> Iterator[None]:
    """Run ``perf record`` inside the block, from the moment at which it has attached; what it says goes into *said*."""
    orders, order = os.pipe()
    answer, answers = os.pipe()
    try:
        command = [find_perf(), "record", "-D", "-1", "--control", f"fd:{orders},{answers}", *options]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, pass_fds=(orders, answers)) as recorder:
            try:
                os.write(order, b"enable\n")
                if not select.select([answer], [], [], ATTACH_S)[0]:
                    raise BenchError(f"perf did not attach within {ATTACH_S:g} s")
                yield
            finally:
                recorder.send_signal(signal.SIGINT)
                try:
                    recorder.wait(READ_S)
                except subprocess.TimeoutExpired:
                    recorder.kill()
    finally:
        for each in (orders, order, answer, answers):
            os.close(each)


def take_apart(peers: Sequence[Peer], seconds: int, rounds: int) -> list[Column]:
    """Measure each of *peers*: CPU time without perf, the median of *rounds*, then the shares with it.

    Raises:
        BenchError: perf, a server or a tool failed.
    """
    find_perf()
    server_core, load_core = choose_cores()
    columns: list[Column] = []
    for scenario in (SCENARIOS[name] for name in LOADS):
        for peer in peers:
            bench = Bench(load_core, seconds)
            with (
                pinned(load_core),
                running_engine(load_core, scenario.events, scenario.interval_ms) as first,
                running_engine(load_core, scenario.events, scenario.interval_ms) as second,
                running_server(peer, server_core, (first, second), call_body(scenario.body_bytes)) as server,
            ):
                us = median(scenario.measure(scenario, bench, server)["cpu_us"] for _ in range(rounds))
                with _sampled(proctree.look(server.pid).pids) as shares:
                    scenario.measure(scenario, bench, server)
            columns.append(Column(peer.name, LOADS[scenario.name], us, shares))
    return columns


def table(columns: Sequence[Column]) -> str:
    """Return the table in Markdown; a part that takes less than 0.05 µs everywhere is left out."""
    order = list(dict.fromkeys(title for _, title in LIBRARIES))
    seen = {part for column in columns for part in column.shares}
    kernel = sorted(part for part in seen if part.startswith(IN_KERNEL))
    parts = [part for part in (*order, OTHER, *kernel) if any(column.of(part) >= 0.05 for column in columns)]
    lines = ["| µs of one | " + " | ".join(f"{column.load}: {column.server}" for column in columns) + " |"]
    lines.append("|---" + "|---:" * len(columns) + "|")
    lines += [f"| {part} | " + " | ".join(f"{column.of(part):.1f}" for column in columns) + " |" for part in parts]
    lines.append("| **all** | " + " | ".join(f"**{column.us:.1f}**" for column in columns) + " |")
    return "\n".join(lines)


def shown(columns: Sequence[Column], date: str) -> str:
    """Return what goes into the page."""
    machine = describe_machine()
    return (
        f"Measured {date[:10]}: {machine['cpu']}, {machine['system']} {machine['kernel']}, Python {machine['python']}; "
        f"time without `perf`, shares with it, {SAMPLES_PER_S:,} samples a second, all threads.\n\n{table(columns)}"
    )


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.set_defaults(command=command)
    parser.add_argument("--seconds", type=int, default=5, help="of calls")
    parser.add_argument("--rounds", type=int, default=5, help="that the time is the median of")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--save", action="store_true", help="write the table into docs/explanation/performance.md")


def command(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    if arguments.seconds < 1 or arguments.rounds < 1:
        raise BenchError("--seconds and --rounds are at least 1")
    known = load_peers()
    peers = [known[OURS]]
    if missing := known[LIMIT].missing():
        print(f"{LIMIT} is not installed, left out: {missing}", file=sys.stderr)
    else:
        peers.insert(0, known[LIMIT])
    columns = take_apart(peers, arguments.seconds, arguments.rounds)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    if arguments.json:
        found = [{"server": each.server, "load": each.load, "us": round(each.us, 2), "shares": each.shares} for each in columns]
        print(json.dumps({"date": date, "machine": describe_machine(), "columns": found}, indent=2))
    else:
        print(shown(columns, date))
    if arguments.save:
        write_between(PAGE, "parts", shown(columns, date))
    return 0
