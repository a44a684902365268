"""Who would get a call now, over all endpoints of its model: also those that are busy or may not be sent anything."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from llmlb_core.contracts.router import Router
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Target
from llmlb_core.domain.explanations import ExplainedCandidate, Explanation


def first_target(targets: Sequence[Target]) -> Target:
    """Return the target that a call would be placed at: the first that has a routable endpoint, or the first."""
    return next((each for each in targets if any(_is_routable(one) for one in each.candidates)), targets[0])


def explain_placement(router: Router, call: Call, targets: Sequence[Target]) -> Explanation:
    """Return what *router* would do with *call*; no lease is taken, no turn is lost.

    Looks at the first of *targets* that has a routable endpoint, as the stage ``acquire`` does, or at the first.
    """
    target = first_target(targets)
    free: list[Candidate] = []
    left_out: dict[int, ExplainedCandidate] = {}
    for position, endpoint in enumerate(target.endpoints):
        in_flight, limit, reason = endpoint.in_flight, endpoint.max_in_flight, endpoint.unroutable_reason
        if reason is not None:
            left_out[position] = ExplainedCandidate(endpoint.name, in_flight, limit, "unroutable", reason=reason)
        elif in_flight >= limit:
            left_out[position] = ExplainedCandidate(endpoint.name, in_flight, limit, "busy", reason=f"all {limit} slots are taken")
        else:
            free.append(Candidate(endpoint, target, in_flight, limit, position))
    if not free:
        busy_count = sum(each.state == "busy" for each in left_out.values())
        reason = f"the call would wait for one of {busy_count} busy endpoints" if busy_count else "no endpoint is routable"
        return Explanation(router.name, call.model, tuple(left_out.values()), (), None, reason)
    explanation = router.explain(call, free)
    explained = left_out | {candidate.position: fate for candidate, fate in zip(free, explanation.candidates, strict=True)}
    return evolve(explanation, candidates=tuple(explained[position] for position in sorted(explained)))


def _is_routable(candidate: Candidate) -> bool:
    return candidate.endpoint.unroutable_reason is None
