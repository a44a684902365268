"""Whose turn it is, per target."""

from __future__ import annotations

from llmlb_core import Candidate

MAX_TARGETS = 1024
"""Rotations that are remembered; the one that began first is forgotten first, and begins anew."""


class Rotation:
    """Remembers, per target, the position after the one that was served last."""

    def __init__(self) -> None:
        """Begin with the first candidate everywhere."""
        self._next: dict[str, int] = {}

    def position(self, model: str) -> int:
        """Return the first position that has not had its turn in this round."""
        return self._next.get(model, 0)

    def served(self, model: str, candidate: Candidate) -> None:
        """*candidate* has had its turn."""
        turns = self._next
        turns[model] = candidate.position + 1
        if len(turns) > MAX_TARGETS:
            del turns[next(iter(turns))]
