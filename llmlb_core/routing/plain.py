"""The parts that almost every cascade has. They know nothing but how many calls run, so they are right from the first call on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from llmlb_core.contracts.router import Picker, Scorer
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Target

MAX_TARGETS = 1024
"""Models whose turns are remembered; the longest unused is forgotten first, and begins anew."""


class Idle(Scorer):
    """Those where nothing runs come first (05098000-F8)."""

    name = "idle"
    reason = "idle"

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return 0 where nothing runs, else 1."""
        del call
        return 1.0 if candidate.in_flight else 0.0

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where all of them are idle, or none is."""
        del call
        counts = [candidate.in_flight for candidate in candidates]
        return [1 if count else 0 for count in counts] if 0 in counts and any(counts) else None


class InFlight(Scorer):
    """The fewest calls in flight."""

    name = "in_flight"
    reason = "fewest in flight"

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return how many calls run there."""
        del call
        return candidate.in_flight

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where nothing runs anywhere."""
        del call
        scores = [candidate.in_flight for candidate in candidates]
        return scores if any(scores) else None


class Rotation(Picker):
    """Everybody in turn: the one whose last turn is longest ago.

    Unlike a pointer that goes round, this does not give the turns of one that is busy to its neighbour.
    """

    name = "rotation"
    reason = "next in turn"

    def __init__(self) -> None:
        """Begin with the first candidate everywhere."""
        self._turns: OrderedDict[str, list[int]] = OrderedDict()
        self._count = 0

    def pick(self, call: Call, candidates: Sequence[Candidate]) -> Candidate:
        """Return whose last turn is longest ago, the first of those who had none, and give it its turn."""
        del call
        target = candidates[0].target
        turns = self._turns.get(target.model)
        if turns is None or len(turns) <= candidates[-1].position:
            turns = self._begin(target)
        elif len(self._turns) > 1:
            self._turns.move_to_end(target.model)
        chosen, longest = candidates[0], self._count + 1
        for candidate in candidates:
            turn = turns[candidate.position]
            if turn < longest:
                chosen, longest = candidate, turn
        self._count += 1
        turns[chosen.position] = self._count
        return chosen

    def preview(self, call: Call, candidates: Sequence[Candidate]) -> Candidate:
        """Return whose turn it is."""
        del call
        turns = self._turns.get(candidates[0].target.model, [])
        return min(candidates, key=lambda each: turns[each.position] if each.position < len(turns) else 0)

    def _begin(self, target: Target) -> list[int]:
        """Remember the turns of one more model, or of one that has more endpoints now."""
        known = self._turns.get(target.model, [])
        turns = self._turns[target.model] = [*known, *[0] * (len(target.endpoints) - len(known))]
        self._turns.move_to_end(target.model)
        if len(self._turns) > MAX_TARGETS:
            self._turns.popitem(last=False)
        return turns
