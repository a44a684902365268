"""Seconds for a token, as a score."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from llmlb_core import UNKNOWN, Call, Candidate, Scorer
from llmlb_router_tps.speeds import STALE_S, Speed, Speeds, Table

EQUAL = 0.1
"""A tenth slower counts as equal."""


class TokenSeconds(Scorer):
    """How long a token will probably take there: what was measured, times the load.

    A full endpoint is taken to be twice as slow as an empty one. One that is new, or served nothing for a minute, is unknown
    while nothing runs there: so it is tried, by one call at a time.
    """

    name = "token_seconds"
    reason = "most tokens a second"
    unit = "s a token"

    def __init__(self, speeds: Speeds) -> None:
        """Read *speeds*."""
        self._speeds = speeds

    def knows(self, tolerance: float) -> Sized:
        """Return what was measured."""
        del tolerance
        return self._speeds.tables

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the seconds."""
        table = self._table(call)
        return UNKNOWN if table is None else _score(call, candidate, table.speeds, _typical(table))

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where nothing was measured."""
        table = self._table(call)
        if table is None:
            return None
        speeds, typical = table.speeds, _typical(table)
        return [_score(call, each, speeds, typical) for each in candidates]

    def _table(self, call: Call) -> Table | None:
        return self._speeds.tables.get((call.model, call.route.operation))


def _typical(table: Table) -> float:
    """Return what a token takes at any endpoint that was measured."""
    return next(iter(table.speeds.values())).token_s


def _score(call: Call, candidate: Candidate, speeds: dict[str, Speed], typical: float) -> float:
    in_flight = candidate.in_flight
    speed = speeds.get(candidate.endpoint.name)
    if not in_flight and (speed is None or call.head.received_at - speed.measured_at > STALE_S):
        return UNKNOWN
    return (typical if speed is None else speed.token_s) * (1.0 + in_flight / candidate.max_in_flight)
