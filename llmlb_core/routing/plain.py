"""The parts that almost every cascade has. They know nothing but how many calls run, so they are right from the first call on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from llmlb_core.contracts.router import Picker, Scorer
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Target

MAX_TARGETS = 1024
"""Models whose turns are remembered; the one whose endpoints changed longest ago is forgotten first, and begins anew."""


class Idle(Scorer):
    """Those where nothing runs come first (05098000-F8)."""

    name = "idle"
    reason = "idle"
    asks = ("in_flight",)

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return 0 where nothing runs, else 1."""
        del call
        return 1.0 if candidate.in_flight else 0.0

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where all of them are idle, or none is."""
        del call
        first = not candidates[0].in_flight
        for each in candidates:
            if (not each.in_flight) is not first:
                return [1 if one.in_flight else 0 for one in candidates]
        return None


class InFlight(Scorer):
    """The fewest calls in flight."""

    name = "in_flight"
    reason = "fewest in flight"
    asks = ("in_flight",)

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return how many calls run there."""
        del call
        return candidate.in_flight

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where as many run everywhere."""
        del call
        first = candidates[0].in_flight
        for each in candidates:
            if each.in_flight != first:
                return [one.in_flight for one in candidates]
        return None


class Rotation(Picker):
    """Everybody in turn: the one whose last turn is longest ago.

    Unlike a pointer that goes round, this does not give the turns of one that is busy to its neighbour.
    """

    name = "rotation"
    reason = "next in turn"

    def __init__(self) -> None:
        """Begin with the first candidate everywhere."""
        self._turns: dict[Target, list[int]] = {}
        self._latest: dict[str, Target] = {}
        self._count = itertools.count(1)

    def pick(self, call: Call, candidates: Sequence[Candidate]) -> Candidate:  # noqa: ARG002  # the same for every call
        """Return whose last turn is longest ago, the first of those who had none, and give it its turn."""
        target = candidates[0].target
        turns = self._turns.get(target)
        if turns is None:
            turns = self._begin(target)
        if len(candidates) == len(turns):  # all of them, so that their places are their positions
            place = turns.index(min(turns))
            turns[place] = next(self._count)
            return candidates[place]
        chosen = _first(turns, candidates)
        turns[chosen.position] = next(self._count)
        return chosen

    def preview(self, call: Call, candidates: Sequence[Candidate]) -> Candidate:
        """Return whose turn it is."""
        del call
        return _first(self._known(candidates[0].target), candidates)

    def _known(self, target: Target) -> list[int]:
        """Return the turns of everybody: those that were remembered of the model, 0 of new endpoints."""
        latest = self._latest.get(target.model)
        known = [] if latest is None else self._turns[latest]
        return [*known, *[0] * (len(target.endpoints) - len(known))][: len(target.endpoints)]

    def _begin(self, target: Target) -> list[int]:
        """Remember the turns of one more model, or of one whose endpoints changed."""
        turns = self._known(target)
        latest = self._latest.pop(target.model, None)
        if latest is not None:
            del self._turns[latest]
        self._turns[target] = turns
        self._latest[target.model] = target
        if len(self._latest) > MAX_TARGETS:
            del self._turns[self._latest.pop(next(iter(self._latest)))]
        return turns


def _first(turns: Sequence[int], candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate whose turn is longest ago."""
    first = candidates[0]
    longest = turns[first.position]
    for each in candidates:
        turn = turns[each.position]
        if turn < longest:
            first, longest = each, turn
    return first
