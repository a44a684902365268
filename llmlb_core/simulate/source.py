"""Where calls come from: a trace that is shipped, a trace file, or a history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import evolve, frozen

from llmlb_core.errors import TraceInvalid
from llmlb_core.simulate.fleet import history_scenario
from llmlb_core.simulate.history import read_history
from llmlb_core.simulate.planned import Planned
from llmlb_core.simulate.scenario import Scenario, read_scenario
from llmlb_core.simulate.synthetic import synthetic_calls

TRACES = Path(__file__).with_name("traces")


@frozen
class Source:
    """One trace, ready to be sent through any number of routers.

    Attributes:
        calls: Returns the calls anew, for a seed.
        note: What is to be known of it, or nothing.
    """

    scenario: Scenario
    calls: Callable[[int], Iterable[Planned]]
    note: str = ""


def shipped_names() -> tuple[str, ...]:
    """Return the names of the traces that are part of llmlb."""
    return tuple(sorted(file.stem for file in TRACES.glob("*.toml")))


def open_source(trace: str, *, calls: int | None = None, endpoints: int | None = None, fleet: Path | None = None) -> Source:
    """Read a trace.

    Args:
        trace: A shipped one's name, or a file that ends with ``.toml`` (a scenario) or ``.jsonl`` (a history).
        calls: How many to take; absent = as many as the trace says, or has.
        endpoints: How many there are; traffic grows with them. Not for a history.
        fleet: Endpoints of a history, in place of its own.

    Raises:
        TraceInvalid: There is no such trace, or it is wrong.
    """
    file = Path(trace)
    if file.suffix == ".jsonl":
        if endpoints is not None:
            raise TraceInvalid(f"{trace}: is a history, whose calls are what they are; --endpoints is for scenarios. Use --fleet.")
        history = read_history(file, calls)
        note = ""
        if history.guessed_count:
            note = f"{trace}: {history.guessed_count} of {len(history.calls)} calls have no token counts and get the usual ones."
        known = None if fleet is None else read_scenario(fleet, needs_traffic=False)
        return Source(history_scenario(file, history, known), lambda _seed: history.calls, note)
    if file.suffix != ".toml":
        if trace not in shipped_names():
            expected = f"one of {', '.join(shipped_names())}, or a file that ends with .toml or .jsonl"
            raise TraceInvalid(f"no trace is called {trace!r}; expected {expected}.")
        file = TRACES / f"{trace}.toml"
    if fleet is not None:
        raise TraceInvalid(f"{trace}: is a scenario and says its endpoints itself; --fleet is for histories.")
    scenario = read_scenario(file)
    if endpoints is not None:
        scenario = scenario.scaled_to(endpoints)
    if calls is not None:
        scenario = evolve(scenario, calls=calls)
    return Source(scenario, lambda seed: synthetic_calls(scenario, seed))
