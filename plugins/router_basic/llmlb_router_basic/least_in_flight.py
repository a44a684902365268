"""``least_in_flight``: whoever has least to do."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import Call, Candidate, Choice, Router
from llmlb_router_basic.rotation import Rotation


class LeastInFlight(Router):
    """Serves where the fewest calls run; takes turns among equals, so that calls one after the other spread evenly."""

    name = "least_in_flight"

    def __init__(self) -> None:
        """Begin with the first candidate everywhere."""
        self._rotation = Rotation()

    def choose(self, call: Call, candidates: Sequence[Candidate]) -> Choice | None:
        """Return one of those with the fewest calls in flight."""
        del call
        model = candidates[0].target.model
        turn = self._rotation.position(model)
        first = candidates[0]
        least = first.in_flight
        next_one = first if first.position >= turn else None  # the first of the equals whose turn it still is in this round
        for candidate in candidates:
            in_flight = candidate.in_flight
            if in_flight < least:
                first, least = candidate, in_flight
                next_one = candidate if candidate.position >= turn else None
            elif next_one is None and in_flight == least and candidate.position >= turn:
                next_one = candidate
        chosen = next_one or first
        self._rotation.served(model, chosen)
        return Choice(chosen, "fewest in flight")
