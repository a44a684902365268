"""The short run of CI: nginx and llmlb against the ratios that were recorded."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from bench.errors import BenchError
from bench.machine import describe_machine
from bench.paths import RECORDED
from bench.peers import Peer, load_peers
from bench.result import LIMIT, Result
from bench.rounds import Plan, run
from bench.scenarios import SCENARIOS

TOLERANCE = 0.30
"""Shared machines wobble; a real regression of a hot path is larger than this, or is found by the full run."""
SUBJECT = "llmlb"
CHECKED = ("call", "event")
BUSY_SHARE = 0.8
"""wrk keeps a server busy all the time: one that had less of its core had to share it."""
ADVICE = (
    "What to do: run it again on a quiet machine (python -m bench check --rounds 7). Where it stays, find the commit "
    "(git bisect run python -m bench check) or look at a profile (python bench/pipeline.py --profile). "
    "Where the cost is meant, record it (python -m bench check --record) and say why in the commit."
)

Ratios = Mapping[str, Mapping[str, float]]


def compare(recorded: Ratios, measured: Ratios, tolerance: float = TOLERANCE) -> list[str]:
    """Return one complaint for each recorded ratio that was exceeded by more than *tolerance*, or not measured."""
    complaints = []
    for server, scenarios in recorded.items():
        for scenario, allowed in scenarios.items():
            ratio = measured.get(server, {}).get(scenario)
            if ratio is None:
                complaints.append(f"{server}, {scenario}: recorded is {allowed:g} × {LIMIT}, but nothing was measured")
            elif ratio > allowed * (1 + tolerance):
                complaints.append(
                    f"{server}, {scenario}: {ratio:.2f} × {LIMIT}, {ratio / allowed - 1:.0%} above the recorded {allowed:g} "
                    f"({tolerance:.0%} is allowed)"
                )
    return complaints


def read_recorded(file: Path) -> dict[str, dict[str, float]]:
    """Return the recorded ratios.

    Raises:
        BenchError: Nothing was recorded yet, or the file holds something else.
    """
    try:
        ratios: dict[str, dict[str, float]] = json.loads(file.read_text())["ratios"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{file.name} has no recorded ratios ({error}); record them: python -m bench check --record") from error
    return ratios


def write_recorded(file: Path, ratios: Ratios, machine: Mapping[str, Any]) -> None:
    """Record *ratios*."""
    file.write_text(json.dumps({"machine": dict(machine), "ratios": ratios}, indent=2) + "\n")


def pooled(first: Result, second: Result) -> Result:
    """Return one result of both runs: the rounds of *second* count on."""
    last = max((each.round for each in first.measurements), default=0)
    more = [evolve(each, round=each.round + last) for each in second.measurements]
    return Result([*first.measurements, *more], [*first.failures, *second.failures])


def spread(result: Result) -> list[str]:
    """Say for each checked scenario how far its rounds lie apart, and whether the server had its core for itself."""
    told = []
    for name in CHECKED:
        metric = SCENARIOS[name].metric
        ours, limit = result.rounds_of(SUBJECT, name), result.rounds_of(LIMIT, name)
        ratios = sorted(ours[number][metric] / limit[number][metric] for number in ours if metric and number in limit)
        if ratios:
            told.append(f"{name}: {len(ratios)} rounds from {ratios[0]:.2f} to {ratios[-1]:.2f}")
    shares = [numbers["core_share"] for numbers in result.rounds_of(SUBJECT, "call").values()]
    if shares and (share := statistics.median(shares)) < BUSY_SHARE:
        told.append(f"the server had {share:.0%} of its core: something else runs on this machine, and the figures are rough")
    return told


def measure(peers: Sequence[Peer], rounds: int, recorded: Ratios, tolerance: float = TOLERANCE) -> tuple[Result, list[str]]:
    """Run the interleaved rounds, and once more as many where the ratios are too high; return all of them and the complaints."""
    plan = Plan(peers, CHECKED, rounds, seconds=1, keep=True)
    result = run(plan)
    if result.is_valid and compare(recorded, result.ratios(), tolerance):
        print("above what was recorded; once more, to see whether it was the machine", file=sys.stderr, flush=True)
        result = pooled(result, run(plan))
    if not result.is_valid:
        return result, [f"{each.server}, {each.scenario}: {each.reason}" for each in result.failures] or ["nothing was measured"]
    return result, compare(recorded, result.ratios(), tolerance)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.set_defaults(command=command)
    parser.add_argument("--record", action="store_true", help="record the ratios instead")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="how much more is borne; on another machine, 1")


def command(arguments: argparse.Namespace) -> int:
    """Measure and compare; 1 when a ratio stays too high or a call failed, 2 when nothing can be measured here."""
    if arguments.rounds < 1:
        raise BenchError("--rounds is at least 1")
    known = load_peers()
    peers = [known[LIMIT], known[SUBJECT]]
    for peer in peers:
        if missing := peer.missing():
            raise BenchError(f"{peer.name} is not installed: {missing}")
    result, complaints = measure(peers, arguments.rounds, {} if arguments.record else read_recorded(RECORDED), arguments.tolerance)
    ratios = result.ratios()
    if arguments.record and result.is_valid:
        write_recorded(RECORDED, ratios, describe_machine())
        print(f"recorded {json.dumps(ratios)}", file=sys.stderr)
    for complaint in complaints:
        print(f"check failed: {complaint}", file=sys.stderr)
    for told in spread(result):
        print(f"  {told}", file=sys.stderr)
    if complaints and result.is_valid:
        print(ADVICE, file=sys.stderr)
    if arguments.json:
        print(json.dumps({"valid": result.is_valid, "ratios": ratios, "complaints": complaints}))
    else:
        print(f"bench check: {'FAILED' if complaints else 'ok'}; × {LIMIT}: {json.dumps(ratios)}")
    return 1 if complaints else 0
