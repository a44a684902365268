"""Who would get a call now, over all endpoints of its model: also those that are busy or may not be sent anything."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import evolve

from llmlb_core.contracts.router import Router
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Target
from llmlb_core.domain.explanations import ExplainedCandidate, Explanation


def first_target(targets: Sequence[Target]) -> Target:
    """Return the target that a call would be placed at: the first that has an endpoint which takes calls, or the first."""
    takes = (each for each in targets if any(endpoint.takes(each.model) for endpoint in each.endpoints))
    # Where breakers keep calls away everywhere, one is tried all the same.
    tries = (each for each in targets if any(endpoint.unroutable_reason is None for endpoint in each.endpoints))
    return next(takes, None) or next(tries, targets[0])


def explain_placement(router: Router, call: Call, targets: Sequence[Target]) -> Explanation:
    """Return what *router* would do with *call*; no lease is taken, no turn is lost.

    Looks at the first of *targets* that has a routable endpoint, as the stage ``acquire`` does, or at the first.
    """
    target, now = first_target(targets), time.monotonic()
    free: list[Candidate] = []
    left_out: dict[int, ExplainedCandidate] = {}
    for position, endpoint in enumerate(target.endpoints):
        in_flight, limit, reason = endpoint.in_flight, endpoint.max_in_flight, endpoint.why_not(target.model, now)
        if reason is not None:
            by = "circuit_breaker" if endpoint.unroutable_reason is None else None
            left_out[position] = ExplainedCandidate(endpoint.name, in_flight, limit, "unroutable", by, reason)
        elif in_flight >= limit:
            left_out[position] = ExplainedCandidate(endpoint.name, in_flight, limit, "busy", reason=f"all {limit} slots are taken")
        else:
            free.append(Candidate(endpoint, target, in_flight, limit, position))
    if not free and all(each.state == "unroutable" for each in left_out.values()):
        free = _early(target, now)
    if not free:
        busy_count = sum(each.state == "busy" for each in left_out.values())
        is_tripped = any(each.by is not None for each in left_out.values())
        otherwise = "the call would wait until a circuit breaker lets it through" if is_tripped else "no endpoint is routable"
        reason = f"the call would wait for one of {busy_count} busy endpoints" if busy_count else otherwise
        return Explanation(router.name, call.model, tuple(left_out.values()), (), None, reason)
    explanation = router.explain(call, free)
    explained = left_out | {candidate.position: fate for candidate, fate in zip(free, explanation.candidates, strict=True)}
    return evolve(explanation, candidates=tuple(explained[position] for position in sorted(explained)))


def _early(target: Target, now: float) -> list[Candidate]:
    """Return the one that is tried before its time where breakers keep calls away everywhere."""
    tripped = [
        (endpoint.tripped[target.model], Candidate(endpoint, target, endpoint.in_flight, endpoint.max_in_flight, position))
        for position, endpoint in enumerate(target.endpoints)
        if endpoint.tripped is not None and target.model in endpoint.tripped and endpoint.unroutable_reason is None
    ]
    ready = [each for each in tripped if each[0].may_probe(now) and each[1].in_flight < each[1].max_in_flight]
    return [min(ready, key=lambda each: each[0].since)[1]] if ready else []
