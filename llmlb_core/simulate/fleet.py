"""The endpoints of a history, estimated from what it says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from attrs import evolve

from llmlb_core.errors import TraceInvalid
from llmlb_core.simulate.history import History, Row
from llmlb_core.simulate.scenario import EndpointGroup, Scenario

MAX_NAMED = 5


def history_scenario(file: Path, history: History, fleet: Scenario | None) -> Scenario:
    """Return the scenario of a history.

    Args:
        file: The history's.
        history: What it holds.
        fleet: Its endpoints are taken, where it is given; else they are estimated.

    Raises:
        TraceInvalid: An endpoint cannot be estimated, or no endpoint has a model that is called.
    """
    base = fleet if fleet is not None else Scenario(endpoints=estimated(file, history.rows))
    served = {model for group in base.endpoints for model in group.models}
    unserved = sorted({row.model for row in history.rows} - served)
    if unserved:
        named = ", ".join(map(repr, unserved[:MAX_NAMED])) + ("" if len(unserved) <= MAX_NAMED else ", …")
        where = "models of the fleet's [[endpoints]]" if fleet is not None else "calls that were served, to estimate endpoints from"
        raise TraceInvalid(f"{file}: calls {named}; expected one of the {where}: {', '.join(sorted(served)) or 'none'}.")
    return evolve(base, name=file.stem, title=f"The calls of {file.name}", calls=len(history.calls), traffic=())


def estimated(file: Path, rows: Sequence[Row]) -> tuple[EndpointGroup, ...]:
    """Return the endpoints that *rows* name, as fast as their calls were in the median.

    Slots are the most calls that ran at a time, and all of them at a time are taken to be as fast as one: what an endpoint could
    do beyond what it was asked to do, its history does not show.

    Raises:
        TraceInvalid: Calls of an endpoint are without the figures that tell its speed.
    """
    by_endpoint: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.endpoint and row.status < 400:
            by_endpoint[row.endpoint].append(row)
    if not by_endpoint:
        raise TraceInvalid(f"{file}: no line names the endpoint that served it; say with --fleet which endpoints there are.")
    return tuple(_group(file, name, by_endpoint[name]) for name in sorted(by_endpoint))


def _group(file: Path, name: str, rows: Sequence[Row]) -> EndpointGroup:
    prefill = [rate for rate in map(_prefill_rate, rows) if rate is not None]
    decode = [rate for rate in map(_decode_rate, rows) if rate is not None]
    if not prefill or not decode:
        lacking = "first_token_ms and prompt_tokens" if not prefill else "duration_ms, first_token_ms and completion_tokens"
        raise TraceInvalid(
            f"{file}: no call of endpoint {name!r} has {lacking}, which tell its speed (streamed calls do); say it with --fleet."
        )
    slots = _most_at_a_time(rows)
    cached = [row.cached_tokens for row in rows if row.cached_tokens]
    return EndpointGroup(
        name=name,
        models=tuple(sorted({row.model for row in rows})),
        slots=slots,
        prefill_tokens_per_s=median(prefill),
        decode_tokens_per_s=median(decode) * slots,
        call_tokens_per_s=median(decode),
        cache_tokens=100 * max(cached) if cached else 0,
    )


def _prefill_rate(row: Row) -> float | None:
    if row.first_token_ms is None or not row.prompt_tokens:
        return None
    seconds = (row.first_token_ms - row.queue_ms) / 1000
    tokens = row.prompt_tokens - (row.cached_tokens or 0)
    return tokens / seconds if seconds > 0 and tokens > 0 else None


def _decode_rate(row: Row) -> float | None:
    if row.first_token_ms is None or not row.completion_tokens:
        return None
    seconds = (row.duration_ms - row.first_token_ms) / 1000
    return (row.completion_tokens - 1) / seconds if seconds > 0 and row.completion_tokens > 1 else None


def _most_at_a_time(rows: Iterable[Row]) -> int:
    steps = []
    for row in rows:
        begin_s = row.at_s + row.queue_ms / 1000
        steps += [(begin_s, 1), (max(begin_s, row.at_s + row.duration_ms / 1000), -1)]
    most = running = 0
    for _, step in sorted(steps):
        running += step
        most = max(most, running)
    return max(1, most)
