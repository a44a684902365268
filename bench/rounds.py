"""Interleaved rounds: each scenario of each server once a round, side by side in time, on fresh processes."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Self

from attrs import define, field, frozen

from bench.bodies import SMALL_BYTES, call_body
from bench.build import program, wrk
from bench.cores import choose_cores, pinned
from bench.errors import MeasurementFailed
from bench.peers import Peer
from bench.result import Failure, Measurement, Result
from bench.scenarios import SCENARIOS, Bench, Scenario
from bench.server import Server, running_engine, running_server

ENGINES = 2


@frozen
class Plan:
    """What to run.

    Attributes:
        keep: Leave servers running between measurements. Saves starting them; memory then says nothing.
    """

    peers: Sequence[Peer]
    scenarios: Sequence[str]
    rounds: int = 5
    seconds: int = 3
    warm_up_s: int = 1
    keep: bool = False


@define
class Fleet:
    """Starts servers, each with engines of its own, and keeps them where the plan says so."""

    server_core: int
    load_core: int
    keep: bool
    _kept: dict[tuple[str, int, float], Server] = field(factory=dict)
    _stack: contextlib.ExitStack = field(factory=contextlib.ExitStack)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """End what was kept."""
        self._stack.close()

    @contextlib.contextmanager
    def serving(self, peer: Peer, scenario: Scenario) -> Iterator[Server]:
        """Yield a server whose engines stream as *scenario* wants."""
        if not self.keep:
            with contextlib.ExitStack() as stack:
                yield self._start(stack, peer, scenario)
            return
        name = (peer.name, scenario.events, scenario.interval_ms)
        if name not in self._kept:
            self._kept[name] = self._start(self._stack, peer, scenario)
        yield self._kept[name]

    def _start(self, stack: contextlib.ExitStack, peer: Peer, scenario: Scenario) -> Server:
        engines = tuple(
            stack.enter_context(running_engine(self.load_core, scenario.events, scenario.interval_ms)) for _ in range(ENGINES)
        )
        return stack.enter_context(running_server(peer, self.server_core, engines, call_body(SMALL_BYTES)))


def run(plan: Plan) -> Result:
    """Carry out *plan*; failures are in the result, progress goes to stderr.

    Raises:
        BenchError: The bench's own tools are missing.
    """
    server_core, load_core = choose_cores()
    for tool in ("fake_engine", "stream_client"):
        program(tool)
    wrk()
    bench = Bench(load_core, plan.seconds, plan.warm_up_s)
    result = Result()
    with pinned(load_core), Fleet(server_core, load_core, plan.keep) as fleet:
        for number in range(1, plan.rounds + 1):
            for name in plan.scenarios:
                # The order turns from round to round, so that nobody always comes after the same neighbour.
                turned = [*plan.peers[number % len(plan.peers) :], *plan.peers[: number % len(plan.peers)]]
                for peer in turned:
                    if not peer.scenarios or name in peer.scenarios:
                        _measure(result, fleet, bench, number=number, scenario=SCENARIOS[name], peer=peer)
    return result


def _measure(result: Result, fleet: Fleet, bench: Bench, *, number: int, scenario: Scenario, peer: Peer) -> None:
    head = f"round {number} · {scenario.name:<11} · {peer.name:<13} ·"
    if any((failure.server, failure.scenario) == (peer.name, scenario.name) for failure in result.failures):
        return
    began_at = time.monotonic()
    try:
        with fleet.serving(peer, scenario) as server:
            numbers = scenario.measure(scenario, bench, server)
    except MeasurementFailed as error:
        result.failures.append(Failure(number, scenario.name, peer.name, str(error).partition("\n")[0]))
        print(f"{head} FAILED: {error}", file=sys.stderr, flush=True)
        return
    result.measurements.append(
        Measurement(number, scenario.name, peer.name, {metric: round(value, 4) for metric, value in numbers.items()})
    )
    told = "  ".join(f"{metric} {value:.4g}" for metric, value in numbers.items())
    print(f"{head} {told}  ({time.monotonic() - began_at:.1f} s)", file=sys.stderr, flush=True)
