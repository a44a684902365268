"""``llmlb simulate``: send calls through routers on a virtual clock, side by side."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmlb_core.cli.context import CliContext, pass_cli
from llmlb_core.errors import TraceInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmlb_core.simulate.source import Source
    from llmlb_core.simulate.tally import Result


MAX_LOGGED = 3


@click.command()
@click.argument("traces", nargs=-1, metavar="[TRACE]...")
@click.option("--router", "routers", metavar="NAME", multiple=True, help="Router to try; may be given more than once; absent: all.")
@click.option(
    "--calls",
    type=click.IntRange(1, 100_000_000),
    metavar="N",
    help="Take so many calls; absent: as many as the trace says or has.",
)
@click.option(
    "--endpoints", type=click.IntRange(1, 100_000), metavar="N", help="Have about so many endpoints, and as much more traffic."
)
@click.option("--fleet", type=click.Path(path_type=Path), metavar="FILE", help="TOML file with the [[endpoints]] of a history.")
@click.option("--slo", "slo_s", type=click.FloatRange(0), metavar="SECONDS", help="A good call's first token comes within this.")
@click.option("--seed", type=int, default=1, metavar="N", help="Of everything that is random.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write a picture of the first-token times.")
@pass_cli
def simulate(  # noqa: PLR0917  # click passes options by name
    cli: CliContext,
    traces: tuple[str, ...],
    routers: tuple[str, ...],
    calls: int | None,
    endpoints: int | None,
    fleet: Path | None,
    slo_s: float | None,
    seed: int,
    as_json: bool,
    svg: Path | None,
) -> None:
    """Send the calls of each TRACE through routers on a virtual clock, and compare what comes of it.

    A TRACE is a shipped one (`uniform`, `heavy`, `prefixes`, `slow`), a scenario (`.toml`) or a history (`.jsonl`); absent: all
    shipped ones. Routers, what they learn from, the admission policy and its queue are those that serve real calls, with the
    settings of llmlb.toml; endpoints are arithmetic. The same trace, settings and seed give the same figures everywhere.
    """
    from attrs import evolve

    from llmlb_core.simulate.brought import router_names
    from llmlb_core.simulate.chart import chart
    from llmlb_core.simulate.report import document, table
    from llmlb_core.simulate.source import open_source, shipped_names

    _quieten()
    sources = [open_source(trace, calls=calls, endpoints=endpoints, fleet=fleet) for trace in traces or shipped_names()]
    if slo_s is not None:
        sources = [evolve(source, scenario=evolve(source.scenario, slo_first_token_s=slo_s)) for source in sources]
    names = routers or router_names(cli.settings)
    if not names:
        raise TraceInvalid("no active plugin brings a router to be tried (see 'llmlb plugins').")
    panels: list[tuple[str, Sequence[Result]]] = []
    for source in sources:
        if source.note:
            click.echo(source.note, err=True)
        results = [_run(cli, source, name, seed) for name in names]
        panels.append((_title(source, results), results))
        if not as_json:
            print("\n".join(table(*panels[-1])), end="\n\n")
            sys.stdout.flush()
    if as_json:
        print(json.dumps(document((each for _, results in panels for each in results), seed=seed), indent=2))
    if svg is not None:
        try:
            svg.write_text(chart(panels), encoding="utf-8")
        except OSError as error:
            raise TraceInvalid(f"{svg}: cannot be written: {error.strerror}.") from error


class _First(logging.Filter):
    """Lets the first few lines pass: a router that is broken is broken for every call."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Count *record*; the report counts the faults of all calls."""
        del record
        self._count += 1
        return self._count <= MAX_LOGGED


def _quieten() -> None:
    """Log the first defects only. What routers say of endpoints that fail is no news: the trace has them fail."""
    from llmlb_core.telemetry.log import configure

    configure("error")
    for handler in logging.getLogger().handlers:
        handler.addFilter(_First())


def _run(cli: CliContext, source: Source, router: str, seed: int) -> Result:
    """Run one router, and say on stderr how long it took."""
    from llmlb_core.simulate.brought import bring
    from llmlb_core.simulate.run import Run

    settings = cli.settings
    began_at = time.perf_counter()
    run = Run(source.scenario, bring(settings, router), settings.admission, seed=seed, timeout_s=settings.server.call_timeout_s)
    result = run.go(source.calls(seed))
    took_s = time.perf_counter() - began_at
    each_us = 1e6 * took_s / max(1, result.calls)
    click.echo(f"{result.trace}, {router}: {result.calls:,} calls in {took_s:.1f} s, {each_us:.0f} µs each", err=True)
    return result


def _title(source: Source, results: Sequence[Result]) -> str:
    scenario = source.scenario
    about = f"{results[0].calls:,} calls, {scenario.endpoint_count:,} endpoints, {results[0].seconds:,.0f} s"
    title = f"{scenario.name}: {scenario.title.rstrip('.') or 'no title'}"
    return f"{title} ({about}; good: first token within {scenario.slo_first_token_s:g} s)"
