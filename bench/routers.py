"""``python -m bench.routers``: every router on the traces that are shipped, and what a simulated call costs.

``--save`` writes the tables into ``docs/explanation/simulation.md`` and the picture beside it. The tables of latencies are the same
on every machine; the speed is this one's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.machine import describe_machine
from bench.markers import write_between
from bench.paths import ROOT
from llmlb_core.settings.load import load_settings
from llmlb_core.settings.sections import Settings
from llmlb_core.simulate.brought import bring, router_names
from llmlb_core.simulate.chart import chart
from llmlb_core.simulate.report import seconds_text
from llmlb_core.simulate.run import Run
from llmlb_core.simulate.source import open_source, shipped_names
from llmlb_core.simulate.tally import Result

PAGE = ROOT / "docs" / "explanation" / "simulation.md"
SEEDS = (1, 2, 3)
SPEED_CALLS = {8: 20_000, 1000: 10_000}


def simulate(settings: Settings, trace: str, router: str, seed: int, calls: int | None = None) -> Result:
    """Return what *router* makes of a shipped trace."""
    source = open_source(trace, calls=calls)
    return Run(source.scenario, bring(settings, router), settings.admission, seed=seed).go(source.calls(seed))


def latencies(results: dict[tuple[str, str], list[Result]], default: str) -> str:
    """Return the table of p99 first-token times, medians over seeds, and who is better than the *default* router."""
    traces = sorted({trace for trace, _ in results})
    routers = sorted({router for _, router in results})
    p99 = {key: median(each.first_token.p99_s for each in every) for key, every in results.items()}
    best = {trace: min(p99[trace, router] for router in routers) for trace in traces}
    lines = [f"| router | {' | '.join(f'`{trace}`' for trace in traces)} |", "|---|" + "---:|" * len(traces)]
    for router in routers:
        cells = [seconds_text(p99[trace, router]) for trace in traces]
        marked = [f"**{cell}**" if p99[trace, router] <= best[trace] else cell for trace, cell in zip(traces, cells, strict=True)]
        lines.append(f"| `{router}` | {' | '.join(marked)} |")
    lines.append("")
    for trace in traces:
        better = sorted((p99[trace, router], router) for router in routers if p99[trace, router] < p99[trace, default])
        told = ", ".join(f"`{router}` ({seconds_text(seconds)})" for seconds, router in better)
        lines.append(
            f"- `{trace}`: " + (f"below `{default}` are {told}." if told else f"`{default}` is at or below every other router.")
        )
    return "\n".join(lines)


def cpu_us(settings: Settings, router: str, endpoints: int, calls: int) -> float:
    """Return the CPU time of a call of the trace ``uniform``, the router's and the stage's included."""
    source = open_source("uniform", calls=calls, endpoints=endpoints)
    run = Run(source.scenario, bring(settings, router), settings.admission, seed=1)
    began_s = time.process_time()
    run.go(source.calls(1))
    return 1e6 * (time.process_time() - began_s) / calls


def speeds(settings: Settings, routers: Iterable[str], say: Callable[[str], None]) -> str:
    """Return the table of CPU times."""
    heads = [f"{endpoints:,} endpoints" for endpoints in SPEED_CALLS]
    lines = [f"| router | {' | '.join(heads)} | a million calls over 1,000 |", "|---|" + "---:|" * (len(heads) + 1)]
    for router in routers:
        say(f"speed: {router}")
        costs = [cpu_us(settings, router, endpoints, calls) for endpoints, calls in SPEED_CALLS.items()]
        lines.append(f"| `{router}` | {' | '.join(f'{cost:.0f} µs' for cost in costs)} | {costs[-1] / 60:.1f} min |")
    return "\n".join(lines)


def machine() -> str:
    """Return the sentence that says where the speeds were measured."""
    facts = describe_machine()
    return f"{time.strftime('%Y-%m-%d')}, {facts['cpu']}, one core, {facts['system']}, Python {facts['python']}."


def main() -> None:
    """Run everything; a few minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true", help="write the page and its picture")
    parser.add_argument("--calls", type=int, help="of each trace; as many as it says by default")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        settings = load_settings(environ={}, data_dir=Path(folder))
        routers, results = router_names(settings), {}
        for trace in shipped_names():
            for router in routers:
                print(f"{trace}: {router}")
                results[trace, router] = [simulate(settings, trace, router, seed, options.calls) for seed in SEEDS]
        table = latencies(results, settings.routing.router)
        speed = speeds(settings, routers, print)
    print(table, speed, sep="\n\n")
    if options.save:
        write_between(PAGE, "routers", table)
        write_between(PAGE, "speed", f"{speed}\n\n{machine()}")
        panels = [(open_source(trace).scenario, [results[trace, router][0] for router in routers]) for trace in shipped_names()]
        text = chart([(f"{scenario.name}: {scenario.title}", each) for scenario, each in panels])
        PAGE.with_suffix(".svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
