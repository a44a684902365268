"""``llmlb doctor``: examine a running server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from llmlb_core.faults.case import Case
    from llmlb_core.faults.scorecard import Scorecard

DEFAULT_URL = "http://127.0.0.1:32768"


@click.group()
def doctor() -> None:
    """Examine a running server."""


@doctor.command()
@click.option("--url", default=DEFAULT_URL, envvar="LLMLB_URL", show_default=True, help="The server; also $LLMLB_URL.")
@click.option("--key", default="", envvar="LLMLB_API_KEY", help="A key with the scopes api and endpoints; also $LLMLB_API_KEY.")
@click.option(
    "--listen", "listen", default="127.0.0.1", metavar="ADDRESS", show_default=True, help="Where the server of faults listens."
)
@click.option("--reach", metavar="HOST", help="By which name the server reaches it; absent: the address that it listens on.")
@click.option("--only", "words", multiple=True, metavar="WORD", help="Only faults with this in their name; may be repeated.")
@click.option(
    "--at-a-time", type=click.IntRange(1, 64), default=12, show_default=True, metavar="N", help="So many faults together."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.option("--list", "is_list", is_flag=True, help="Only print the names of the faults.")
def faults(
    *,
    url: str,
    key: str,
    listen: str,
    reach: str | None,
    words: Sequence[str],
    at_a_time: int,
    as_json: bool,
    is_list: bool,
) -> None:
    """Break behind a running server in every way, and see what its clients see.

    A server of faults is started here and registered at URL as scratch endpoints with models of their own, which nobody else calls;
    they are removed at the end, whatever happens. Takes a minute or two: some faults are silences that have to be waited for.
    Exits with 1 when a fault was not handled as docs/explanation/reliability.md promises.
    """
    from llmlb_core.faults.cases import CASES

    chosen = [case for case in CASES if not words or any(word in case.name for word in words)]
    if not chosen:
        raise click.UsageError(f"No fault has {' or '.join(words)} in its name; 'llmlb doctor faults --list' prints them.")
    if is_list:
        print("\n".join(f"{case.name}  {case.says}" for case in chosen))
        return
    try:
        card = asyncio.run(_examine(url, key, (listen, reach or ""), chosen, at_a_time))
    except asyncio.CancelledError:
        raise click.Abort from None
    print(json.dumps(card.document(), indent=2) if as_json else "\n".join(card.lines()))
    if not card.is_passed:
        raise click.exceptions.Exit(1)


async def _examine(url: str, key: str, place: tuple[str, str], cases: Sequence[Case], at_a_time: int) -> Scorecard:
    from llmlb_core.faults.caller import HttpCaller
    from llmlb_core.faults.runner import run_cases
    from llmlb_core.faults.scorecard import Scorecard
    from llmlb_core.faults.scratch import Scratch
    from llmlb_core.faults.server import FaultServer

    listen, reach = place
    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(NotImplementedError):  # Windows; whoever ends it there ends it at once
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with FaultServer.open(listen, shown_as=reach) as server:
        scratch = Scratch(url, key, server)
        await scratch.check()
        results = []
        try:
            async for result in run_cases(cases, scratch, server, HttpCaller(url, key), at_a_time=at_a_time):
                results.append(result)
                if result.problems:
                    click.echo(f"FAIL {result.name}, {result.mode}", err=True)
        finally:
            await asyncio.shield(scratch.close())
            if scratch.registered:
                left = ", ".join(sorted(scratch.registered))
                click.echo(f"These scratch endpoints could not be removed: {left}; see 'llmlb endpoints remove'.", err=True)
    return Scorecard(cases, results)
