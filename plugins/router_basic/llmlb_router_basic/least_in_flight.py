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
        least = min([candidate.in_flight for candidate in candidates])
        equals = [candidate for candidate in candidates if candidate.in_flight == least]
        return Choice(self._rotation.turn(equals), f"fewest in flight: {least}")
