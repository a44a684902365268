"""``python -m bench syscalls``: which system calls a relayed call makes, how many of each, and in which order."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import frozen

from bench import proctree
from bench.bodies import SMALL_BYTES, call_body, stream_body
from bench.cores import choose_cores, pinned
from bench.errors import BenchError
from bench.load import read_streams
from bench.machine import describe_machine
from bench.markers import write_between
from bench.paths import ROOT
from bench.peers import Peer, load_peers
from bench.result import LIMIT
from bench.server import Server, running_engine, running_server
from bench.steady import call_exactly
from bench.strace import find_strace, one_call, parse_counts, traced

EVENTS, INTERVAL_MS, STREAMS, CONNECTIONS, SHOWN_CALLS = 64, 20.0, 100, 32, 6
LINE_CHARACTERS = 110
GROUPS = (
    ("wait", ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6")),
    ("read", ("read", "readv", "recvfrom", "recvmsg")),
    ("write", ("write", "writev", "sendto", "sendmsg")),
    ("watch", ("epoll_ctl",)),
    ("between threads", ("futex", "eventfd2")),
    ("the database's file", ("pread64", "pwrite64", "fdatasync", "fsync", "fcntl", "fcntl64")),
)
PAGE = ROOT / "docs" / "explanation" / "wire.md"


@frozen
class Column:
    """System calls of one server under one load.

    Attributes:
        per: How many calls or events there were.
    """

    server: str
    load: str
    per: int
    counts: dict[str, int]

    @property
    def total(self) -> float:
        """Return how many there are of one call or event."""
        return sum(self.counts.values()) / self.per

    def of(self, names: Sequence[str]) -> float:
        """Return how many there are of one call or event, of these names together."""
        return sum(self.counts.get(name, 0) for name in names) / self.per


@frozen
class Found:
    """All columns, and one call of ours in its order."""

    columns: Sequence[Column]
    call: Sequence[str]


def count(peers: Sequence[Peer], calls: int) -> Found:
    """Trace each of *peers*, a fresh process; the last one's call is shown in its order.

    Raises:
        BenchError: strace, a server or a tool failed.
    """
    find_strace()
    server_core, load_core = choose_cores()
    columns: list[Column] = []
    order: list[str] = []
    for peer in peers:
        with (
            pinned(load_core),
            running_engine(load_core, EVENTS, INTERVAL_MS) as first,
            running_engine(load_core, EVENTS, INTERVAL_MS) as second,
            running_server(peer, server_core, (first, second), call_body(SMALL_BYTES)) as server,
        ):
            columns += _columns(server, calls, load_core)
            with traced(_pids(server)) as lines:
                asyncio.run(call_exactly(server, SHOWN_CALLS, 1))
            order = one_call(lines)
    loads = list(dict.fromkeys(column.load for column in columns))
    return Found(sorted(columns, key=lambda column: loads.index(column.load)), order)


def _columns(server: Server, calls: int, load_core: int) -> list[Column]:
    found = []
    for connections in (1, CONNECTIONS):
        # Connections to the engines are dialled and caches are filled before it counts.
        asyncio.run(call_exactly(server, max(calls, 4 * connections), connections))
        with traced(_pids(server), "-c") as lines:
            asyncio.run(call_exactly(server, calls, connections))
        found.append(Column(server.peer.name, f"call, {connections} at a time", calls, parse_counts(lines)))
    with traced(_pids(server), "-c") as lines:
        seen = read_streams(*(load_core, server.port, server.headers, stream_body()), streams=STREAMS, events=EVENTS, ramp_ms=500)
    return [*found, Column(server.peer.name, f"event, {STREAMS} streams", seen.events, parse_counts(lines))]


def _pids(server: Server) -> tuple[int, ...]:
    return proctree.look(server.pid).pids


def rows(columns: Sequence[Column]) -> list[tuple[str, list[float]]]:
    """Return groups of system calls with how many there are of one call in each column; what is grouped nowhere comes by name."""
    grouped = {name for _, names in GROUPS for name in names}
    seen = {name for column in columns for name in column.counts}
    found = []
    for title, names in GROUPS:
        present = [name for name in names if name in seen]
        if present:
            found.append((f"{title} (`{'`, `'.join(present)}`)", [column.of(present) for column in columns]))
    singles = [(name, [column.of([name]) for column in columns]) for name in sorted(seen - grouped)]
    rare = [values for _, values in singles if max(values) < 0.5]
    found += [(f"`{name}`", values) for name, values in singles if max(values) >= 0.5]
    if rare:
        found.append(("others", [sum(of) for of in zip(*rare, strict=True)]))
    return [*found, ("**all**", [column.total for column in columns])]


def table(columns: Sequence[Column]) -> str:
    """Return the table in Markdown."""
    head = ["system calls of one", *(f"{column.load}: {column.server}" for column in columns)]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * len(columns) + "|"]
    lines += ["| " + " | ".join([name, *(f"{value:.2f}" for value in values)]) + " |" for name, values in rows(columns)]
    return "\n".join(lines)


def shown(found: Found, date: str) -> str:
    """Return what goes into the page: the table, and one call in its order."""
    machine = describe_machine()
    order = "\n".join(line if len(line) <= LINE_CHARACTERS else f"{line[: LINE_CHARACTERS - 1]}…" for line in found.call)
    return (
        f"Counted {date[:10]} by `strace -c -f`: {machine['cpu']}, {machine['system']} {machine['kernel']}, "
        f"Python {machine['python']}; all threads, background work included.\n\n"
        f"{table(found.columns)}\n\n"
        "One call on a kept connection, the event loop's thread, from its request to the next one (`strace -f`):\n\n"
        f"```text\n{order}\n```"
    )


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.set_defaults(command=command)
    parser.add_argument("--calls", type=int, default=200, help="that are counted, one at a time and again 32 at a time")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--save", action="store_true", help="write the table into docs/explanation/wire.md")


def command(arguments: argparse.Namespace) -> int:
    """Count and print."""
    if arguments.calls < CONNECTIONS:
        raise BenchError(f"--calls must be at least {CONNECTIONS}, one for each connection")
    known = load_peers()
    peers = [known["llmlb"]]
    if missing := known[LIMIT].missing():
        print(f"{LIMIT} is not installed, left out: {missing}", file=sys.stderr)
    else:
        peers.insert(0, known[LIMIT])
    found = count(peers, arguments.calls)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    if arguments.json:
        columns = [
            {
                "server": column.server,
                "load": column.load,
                "per": column.per,
                "total": round(column.total, 2),
                "counts": {name: round(number / column.per, 3) for name, number in column.counts.items()},
            }
            for column in found.columns
        ]
        print(json.dumps({"date": date, "machine": describe_machine(), "columns": columns, "call": list(found.call)}, indent=2))
    else:
        print(shown(found, date))
    if arguments.save:
        write_between(PAGE, "syscalls", shown(found, date))
    return 0
