"""``round_robin``: everyone in turn."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import Call, Candidate, Choice, Router
from llmlb_router_basic.rotation import Rotation


class RoundRobin(Router):
    """Serves the candidates of a target in turn, whatever runs there; one without a free slot misses its turn (63acef08)."""

    name = "round_robin"

    def __init__(self) -> None:
        """Begin with the first candidate everywhere."""
        self._rotation = Rotation()

    def choose(self, call: Call, candidates: Sequence[Candidate]) -> Choice | None:
        """Return the next in turn."""
        del call
        model = candidates[0].target.model
        turn = self._rotation.position(model)
        chosen = next((candidate for candidate in candidates if candidate.position >= turn), candidates[0])
        self._rotation.served(model, chosen)
        return Choice(chosen, "next in turn")
