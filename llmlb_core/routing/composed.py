"""A cascade as a router: filters, then ranks of which later ones break ties, then a picker.

It stands here and not among the contracts because it is no contract but the one implementation of them that plugins share; and
above ``contracts``, so that nothing a plugin author must read depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized

from llmlb_core.contracts.router import UNKNOWN, Filter, Picker, Rank, Router, Scorer
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Choice
from llmlb_core.domain.explanations import Explanation
from llmlb_core.errors import NoEndpoint
from llmlb_core.routing.replay import Replay

ALONE = "the only one"
MAX_TOLD = 3

_ALWAYS: Sized = (True,)


class Composed(Router):
    """A router made of parts. What the parts' methods are is looked up once, here, and not for every call.

    A rank keeps the candidates whose score is within its tolerance of the best, and those of which it knows nothing; the next rank
    decides among these only. Those that are left after the last are equals, and the picker chooses.

    Attributes:
        filters: In order.
        ranks: In order.
        picker: Among equals.
    """

    name: str  # type: ignore[misc]  # of each cascade, not of the class

    def __init__(self, name: str, filters: Sequence[Filter], ranks: Sequence[Rank], picker: Picker) -> None:
        """Compose the router *name*."""
        self.name = name
        self.filters = tuple(filters)
        self.ranks = tuple(ranks)
        self.picker = picker
        self._keeps = tuple([(_ALWAYS if each.knows is None else each.knows, each.keep, each) for each in filters])
        self._steps = tuple(
            [
                (each.scorer.scores, each.tolerance + each.slack > 0, each.tolerance, each.slack, each.scorer.reason)
                for each in ranks
            ]
        )
        self._pick = picker.pick
        self._among_equals = picker.reason
        scorers = tuple(dict.fromkeys([rank.scorer for rank in ranks]))
        told = [each.chosen for each in scorers if type(each).chosen is not Scorer.chosen]
        self._tell = told[0] if len(told) == 1 else _tell_all(told) if told else None
        self._known = _known_of(self.filters, self.ranks)

    @property
    def parts(self) -> Sequence[object]:
        """Filters, scorers and the picker."""
        return (*self.filters, *[each.scorer for each in self.ranks], self.picker)

    def choose(self, call: Call, candidates: Sequence[Candidate]) -> Choice | None:
        """Return the winner, or None where a filter lets none of *candidates* pass.

        Raises:
            NoEndpoint: No endpoint of the model would pass, busy or not.
        """
        if any(self._known):
            return self._ask(call, candidates)
        for each in candidates:
            if each.in_flight or each.endpoint.gpu_facts is not None:
                return self._ask(call, candidates)
        # Nothing learned that matters, nothing running, no figures: every part would let everybody pass, so none is asked.
        chosen = self._pick(call, candidates)
        if self._tell is not None:
            self._tell(call, chosen)
        return Choice(chosen, self._among_equals if len(candidates) > 1 else ALONE)

    def _ask(self, call: Call, candidates: Sequence[Candidate]) -> Choice | None:  # noqa: C901  # a method each would cost more
        """Go through the cascade."""
        for knows, keep, which in self._keeps:
            if knows:
                kept = keep(call, candidates)
                if not kept:
                    self._refuse(call, candidates, which)
                    return None
                candidates = kept
        reason: str | None = None
        count = len(candidates)
        for scores_of, is_loose, tolerance, slack, why in self._steps:
            if count == 1:
                break
            scores = scores_of(call, candidates)
            if scores is None:
                continue
            best = min(scores)
            limit = best
            if is_loose:  # the same as `Rank.limit`, written out, because calls cost more than sums
                spread = tolerance * best if best > 0 else -tolerance * best
                limit += spread if spread > slack else slack  # noqa: FURB136
            if max(scores) <= limit:
                continue
            # Not strict, which costs as much as the rest of the line: the contract kit of scorers counts.
            candidates = [each for each, score in zip(candidates, scores, strict=False) if score <= limit or score == UNKNOWN]
            if len(candidates) < count:
                count = len(candidates)
                reason = why
        # Also where one is left: a picker that counts turns must hear of every call.
        chosen = self._pick(call, candidates)
        if self._tell is not None:
            self._tell(call, chosen)
        return Choice(chosen, reason or (self._among_equals if count > 1 else ALONE))

    def explain(self, call: Call, candidates: Sequence[Candidate]) -> Explanation:
        """Return what each filter and each rank said; nobody's turn is lost."""
        return Replay(self.name, self.filters, self.ranks, self.picker).explain(call, candidates)

    def _refuse(self, call: Call, candidates: Sequence[Candidate], which: Filter) -> None:
        """Return where the call may wait for an endpoint that passes; raise where the model has none."""
        target = candidates[0].target
        if which.keep(call, target.candidates):
            return
        told = [f"{each.endpoint.name}: {which.why_not(call, each)}" for each in target.candidates[:MAX_TOLD]]
        more = len(target.candidates) - len(told)
        raise NoEndpoint(
            f"No endpoint of '{target.model}' passes the filter '{which.name}' of the router '{self.name}'. "
            f"{'; '.join(told)}{f'; and {more} more' if more else ''}."
        )


def _tell_all(told: Sequence[Callable[[Call, Candidate], None]]) -> Callable[[Call, Candidate], None]:
    def tell(call: Call, candidate: Candidate) -> None:
        for each in told:
            each(call, candidate)

    return tell


def _known_of(filters: Sequence[Filter], ranks: Sequence[Rank]) -> tuple[Sized, ...]:
    """Return containers: while all are empty, and what scorers may ask is false, each part of a cascade lets everybody pass."""
    known = [each.knows for each in filters]
    for rank in ranks:
        container = rank.scorer.knows(rank.tolerance)
        if container is not None or not rank.scorer.asks:
            known.append(container)
    return tuple([_ALWAYS if each is None else each for each in known])
