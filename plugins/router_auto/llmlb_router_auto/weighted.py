"""Shares by weight, without bunches: whoever is furthest behind its share is next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from attrs import define, field

from llmlb_core import Call, Candidate, Picker

MAX_TARGETS = 1024


@define
class Shares:
    """One model.

    Attributes:
        now: How far everybody should be.
        done: How far each endpoint is: calls divided by weight, by name.
    """

    now: float = 0.0
    done: dict[str, float] = field(factory=dict)


class Weighted(Picker):
    """Gives an endpoint of weight 3 three times the calls of one of weight 1.

    One that was away does not catch up, but for one call: it goes on from where everybody is.
    """

    name = "weighted"
    reason = "next by weight"

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Take the *weights* of endpoints by name; 1 where there is none."""
        self._weights = dict(weights)
        self._shares: OrderedDict[str, Shares] = OrderedDict()

    def pick(self, call: Call, candidates: Sequence[Candidate]) -> Candidate:
        """Return who is furthest behind, and let it go on by one call."""
        chosen = self.preview(call, candidates)
        model, name = chosen.target.model, chosen.endpoint.name
        shares = self._shares.get(model)
        if shares is None:
            shares = self._shares[model] = Shares()
            if len(self._shares) > MAX_TARGETS:
                self._shares.popitem(last=False)
        share = 1.0 / self._weights.get(name, 1.0)
        shares.now = _start(shares, name, share)
        shares.done[name] = shares.now + share
        if len(shares.done) > 2 * len(chosen.target.endpoints) + 16:  # endpoints that left
            shares.done = {each.name: shares.done[each.name] for each in chosen.target.endpoints if each.name in shares.done}
        return chosen

    def preview(self, call: Call, candidates: Sequence[Candidate]) -> Candidate:
        """Return who is furthest behind: the one whose next call would end first."""
        del call
        shares = self._shares.get(candidates[0].target.model) or NOBODY
        weight = self._weights.get
        ends = []
        for each in candidates:
            name = each.endpoint.name
            share = 1.0 / weight(name, 1.0)
            ends.append(_start(shares, name, share) + share)
        return candidates[ends.index(min(ends))]


def _start(shares: Shares, name: str, share: float) -> float:
    """Return from where an endpoint goes on; one that was away, or is new, is at most one call behind."""
    return max(shares.done.get(name, 0.0), shares.now - share)


NOBODY = Shares()
"""Of a model that was not called yet; never changed."""
