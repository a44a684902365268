"""A cascade gone through slowly, once more, to say what happened at each step."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, frozen

from llmlb_core.contracts.router import UNKNOWN, Filter, Picker, Rank
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate
from llmlb_core.domain.explanations import ExplainedCandidate, ExplainedRank, Explanation, State


@define
class _Fates:
    """What is known of each candidate so far, by position."""

    by_position: dict[int, ExplainedCandidate]

    def put_out(self, candidate: Candidate, state: State, by: str, reason: str) -> None:
        """*by* put *candidate* out."""
        fate = self.by_position[candidate.position]
        self.by_position[candidate.position] = evolve(fate, state=state, by=by, reason=reason)

    def score(self, candidate: Candidate, scorer: str, score: float) -> None:
        """*scorer* gave *candidate* this score."""
        self.by_position[candidate.position].scores[scorer] = None if score == UNKNOWN else score


@frozen
class Replay:
    """The parts of one cascade, and its name."""

    name: str
    filters: Sequence[Filter]
    ranks: Sequence[Rank]
    picker: Picker

    def explain(self, call: Call, candidates: Sequence[Candidate]) -> Explanation:
        """Return what each part says of *candidates*, as ``Composed.choose`` would act on it."""
        fates = _Fates(
            {
                each.position: ExplainedCandidate(each.endpoint.name, each.in_flight, each.max_in_flight, "equal", reason="")
                for each in candidates
            }
        )
        left, refused_by = self._filter(call, candidates, fates)
        reason: str | None = None
        steps: list[ExplainedRank] = []
        for rank in self.ranks:
            if len(left) < 2:
                break
            kept, step = _rank(call, rank, left, fates)
            steps.append(step)
            if len(kept) < len(left):
                reason = rank.scorer.reason
            left = kept
        winner: Candidate | None = left[0] if len(left) == 1 else None
        if len(left) > 1:
            winner = self.picker.preview(call, left)
            reason = reason or self.picker.reason
        if refused_by is not None:
            reason = f"the filter {refused_by.name} lets none pass"
        elif winner is None:
            reason = f"chance decides among {len(left)} equals"
        reason = reason or "the only one"
        if winner is not None:
            fate = fates.by_position[winner.position]
            fates.by_position[winner.position] = evolve(fate, state="chosen", reason=reason)
        for each in left:
            if each is not winner and refused_by is None:
                fate = fates.by_position[each.position]
                fates.by_position[each.position] = evolve(fate, reason=f"as good; {self.picker.name} chooses among equals")
        return Explanation(
            self.name,
            call.model,
            tuple(fates.by_position.values()),
            tuple(steps),
            None if winner is None else winner.endpoint.name,
            reason,
        )

    def _filter(self, call: Call, candidates: Sequence[Candidate], fates: _Fates) -> tuple[Sequence[Candidate], Filter | None]:
        """Return who passes all filters, and the filter that let none pass."""
        for each in self.filters:
            kept = each.keep(call, candidates)
            kept_positions = {candidate.position for candidate in kept}
            for candidate in candidates:
                if candidate.position not in kept_positions:
                    fates.put_out(candidate, "filtered", each.name, each.why_not(call, candidate))
            if not kept:
                return (), each
            candidates = kept
        return candidates, None


def _rank(call: Call, rank: Rank, left: Sequence[Candidate], fates: _Fates) -> tuple[list[Candidate], ExplainedRank]:
    """Return who is left after *rank*, and what it said."""
    scorer = rank.scorer
    scores = [scorer.score(call, candidate) for candidate in left]
    best = min(scores)
    limit = rank.limit(best)
    unit = f" {scorer.unit}" if scorer.unit else ""
    kept: list[Candidate] = []
    for candidate, score in zip(left, scores, strict=True):
        fates.score(candidate, scorer.name, score)
        if score <= limit or score == UNKNOWN:
            kept.append(candidate)
        else:
            fates.put_out(candidate, "outranked", scorer.name, f"{score:.4g}{unit} is above {limit:.4g}{unit}")
    known = best != UNKNOWN
    return kept, ExplainedRank(scorer.name, best if known else None, limit if known else None, len(kept))
