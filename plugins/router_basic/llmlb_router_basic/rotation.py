"""Whose turn it is, per target."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from llmlb_core import Candidate

MAX_TARGETS = 1024
"""Rotations that are remembered; the longest unused is forgotten first, and begins anew."""


class Rotation:
    """Remembers, per target, the position after the one that was served last."""

    def __init__(self) -> None:
        """Begin with the first candidate everywhere."""
        self._next: OrderedDict[str, int] = OrderedDict()

    def turn(self, candidates: Sequence[Candidate]) -> Candidate:
        """Return the first candidate whose position has not had its turn in this round, and give it its turn.

        Args:
            candidates: At least one, of one target, in order of position.
        """
        model = candidates[0].target.model
        start = self._next.get(model, 0)
        for candidate in candidates:
            if candidate.position >= start:
                break
        else:
            candidate = candidates[0]
        self._next[model] = candidate.position + 1
        self._next.move_to_end(model)
        if len(self._next) > MAX_TARGETS:
            self._next.popitem(last=False)
        return candidate
