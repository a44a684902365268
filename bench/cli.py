"""The command line: ``python -m bench run|peers|report|check|soak|faults|kill|syscalls|parts|lag|install``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import check, faults, kill, lag, parts, soak, syscalls
from bench.errors import BenchError
from bench.goals import judge
from bench.machine import describe_machine
from bench.paths import PEERS_TOML, RESULTS, ROOT
from bench.peers import Peer, install, load_peers
from bench.report import latest_result, markdown, write_goals, write_report
from bench.result import LIMIT, Result
from bench.rounds import Plan, run
from bench.scenarios import SCENARIOS

DOCS = ROOT / "docs" / "explanation"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 1 measured something invalid or too slow, 2 could not measure."""
    # An ended bench must not leave servers behind: SystemExit unwinds the contexts that hold them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What a call costs here, next to nginx and its peers.")
    commands = parser.add_subparsers(required=True, metavar="run|peers|report|check|soak|faults|kill|syscalls|parts|lag|install")
    for name, command, explained in (
        ("run", _run, "measure nginx and llmlb (or --only these)"),
        ("peers", _peers, "measure every installed peer, and save the result"),
    ):
        sub = commands.add_parser(name, help=explained, description=explained)
        sub.set_defaults(command=command)
        sub.add_argument("--only", type=_names, help="servers, separated by commas")
        sub.add_argument("--scenarios", type=_names, default=list(SCENARIOS), help=f"of {', '.join(SCENARIOS)}")
        sub.add_argument("--rounds", type=int, default=5)
        sub.add_argument("--seconds", type=int, default=3, help="of a call scenario, after a warm-up of 1 s")
        sub.add_argument("--json", action="store_true", help="print one JSON document")
        sub.add_argument("--save", action="store_true", default=name == "peers", help="keep the result in bench/results")
        sub.add_argument("--peers", type=Path, default=PEERS_TOML, help="another list of peers")
    report = commands.add_parser("report", help="write tables and a plot of a saved result into docs/explanation")
    report.set_defaults(command=_report)
    report.add_argument("result", type=Path, nargs="?", help="the latest of bench/results when absent")
    report.add_argument("--out", type=Path, default=DOCS)
    report.add_argument("--json", action="store_true", help="print the goals' verdicts as JSON, write nothing")
    for name, part, explained in (
        ("check", check, "20 seconds; fails when a ratio to nginx stays a third above the recorded one"),
        ("soak", soak, "minutes of many streams and calls; fails on an error and on growing memory"),
        ("faults", faults, "minutes of random faults; fails when a call does not end as it must"),
        ("kill", kill, "kill -9 one of two real llama.cpp servers in the middle of many streams"),
        ("syscalls", syscalls, "count the system calls of a relayed call, with strace"),
        ("parts", parts, "what the CPU time of a call and of an event goes to, with perf"),
        ("lag", lag, "is the event loop on time while long lists are read and keys are checked?"),
    ):
        part.add_to(commands.add_parser(name, help=explained, description=explained))
    installs = commands.add_parser("install", help="install peers into .bench/peers (all that are missing when none is named)")
    installs.set_defaults(command=_install)
    installs.add_argument("names", nargs="*")
    return parser


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def choose(peers: dict[str, Peer], only: Sequence[str]) -> list[Peer]:
    """Return the peers named *only*.

    Raises:
        BenchError: One is unknown.
    """
    if unknown := [name for name in only if name not in peers]:
        raise BenchError(f"no server is named {', '.join(unknown)}; known: {', '.join(peers)}")
    return [peers[name] for name in only]


def _measure(arguments: argparse.Namespace, only: Sequence[str]) -> int:
    if unknown := [name for name in arguments.scenarios if name not in SCENARIOS]:
        raise BenchError(f"no scenario is named {', '.join(unknown)}; known: {', '.join(SCENARIOS)}")
    if arguments.rounds < 1 or arguments.seconds < 1:
        raise BenchError("--rounds and --seconds are at least 1")
    peers, skipped = [], {}
    for peer in choose(load_peers(arguments.peers), only):
        missing = peer.missing()
        if missing is None:
            peers.append(peer)
        else:
            skipped[peer.name] = missing
            print(f"{peer.name} is not installed, skipped: {missing}", file=sys.stderr)
    if not peers or LIMIT in skipped:
        raise BenchError(f"nothing to measure against without {LIMIT}: {skipped.get(LIMIT)}")
    result = run(Plan(peers, arguments.scenarios, arguments.rounds, arguments.seconds))
    document = describe(result, peers, skipped, arguments.rounds)
    if arguments.save:
        RESULTS.mkdir(exist_ok=True)
        file = RESULTS / f"{document['date'][:16].replace(':', '')}.json"
        file.write_text(json.dumps(document, indent=1) + "\n")
        print(f"saved as {file.relative_to(ROOT)}", file=sys.stderr)
    print(json.dumps(document, indent=2) if arguments.json else markdown(document))
    return 0 if result.is_valid else 1


def describe(result: Result, peers: Sequence[Peer], skipped: dict[str, str], rounds: int) -> dict[str, Any]:
    """Return the whole document of a run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "rounds": rounds,
        "servers": {peer.name: {"label": peer.label, "version": peer.seen_version(), "why": peer.why} for peer in peers},
        "skipped": skipped,
        "goals": judge(result),
        **result.document(),
    }


def _run(arguments: argparse.Namespace) -> int:
    return _measure(arguments, arguments.only or [LIMIT, "llmlb"])


def _peers(arguments: argparse.Namespace) -> int:
    return _measure(arguments, arguments.only or list(load_peers(arguments.peers)))


def _report(arguments: argparse.Namespace) -> int:
    file = arguments.result or latest_result(RESULTS)
    document = json.loads(file.read_text())
    if arguments.json:
        print(json.dumps(document["goals"], indent=2))
    else:
        pages = write_report(document, arguments.out)
        if arguments.out == DOCS:
            pages.append(write_goals(document, ROOT / "README.md"))
        for written in pages:
            print(f"wrote {written}", file=sys.stderr)
    return 0 if document["valid"] else 1


def _install(arguments: argparse.Namespace) -> int:
    peers = load_peers()
    for peer in choose(peers, arguments.names or list(peers)):
        if peer.missing():
            install(peer)
    return 0
