"""Looking at targets: which endpoints may take a call, and which have a free slot now."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import define

from llmlb_core.contracts.endpoint import Endpoint
from llmlb_core.domain.breaker import Breaker, BreakerState
from llmlb_core.domain.endpoints import Candidate, Target
from llmlb_core.errors import NoEndpoint
from llmlb_core.stages.acquire.refusals import DEFAULT_RETRY_AFTER_S

MAX_REASONS = 5


@define
class Survey:
    """One target at one moment.

    Attributes:
        ids: All its endpoints but the excluded ones, routable or not: one that comes back serves whoever waits for it.
        free: Routable, with a free slot.
        free_count: Free slots of them all.
        slot_count: Slots of all routable endpoints; while it is warming up, of those that load.
        is_warming: Whether none is routable and some still load.
        is_tripped: Whether nothing but breakers stands between the call and its endpoints.
    """

    target: Target
    ids: frozenset[str]
    free: list[Candidate]
    free_count: int
    slot_count: int
    is_warming: bool = False
    is_tripped: bool = False


def survey(targets: Sequence[Target], exclude: frozenset[str], now: float) -> Survey:
    """Look at the first target that has a routable endpoint, then at the first whose breakers alone keep calls away.

    Else at the first that has an endpoint which still loads. A call that was tried somewhere already waits for no breaker and for
    no loading: it failed for another reason, which its client should know.

    Raises:
        NoEndpoint: None of them has; says why of each endpoint.
    """
    for target in targets:
        free, free_count, slot_count = free_candidates(target, exclude)
        if slot_count:
            ids = frozenset([endpoint.id for endpoint in target.endpoints])
            return Survey(target, ids - exclude if exclude else ids, free, free_count, slot_count)
    for target in targets:
        tripped = tripped_ones(target, exclude)
        if tripped:
            free = early_candidates(tripped, now)
            if free or not exclude:
                ids = frozenset([endpoint.id for endpoint in target.endpoints]) - exclude
                return Survey(target, ids, free, len(free), len(tripped), is_tripped=True)
    for target in () if exclude else targets:
        slot_count = sum(max(endpoint.max_in_flight, 1) for endpoint in target.endpoints if endpoint.is_loading)
        if slot_count:
            return Survey(target, target.ids, [], 0, slot_count, is_warming=True)
    raise no_endpoint(targets, exclude, now)


def free_candidates(target: Target, exclude: frozenset[str]) -> tuple[list[Candidate], int, int]:
    """Return the candidates with a free slot, their free slots, and the slots of all routable endpoints.

    Where a breaker keeps calls away there is no slot; one that does so for a moment only counts as busy.
    """
    free: list[Candidate] = []
    free_count = slot_count = 0
    for position, endpoint in enumerate(target.endpoints):
        if (exclude and endpoint.id in exclude) or endpoint.unroutable_reason is not None:
            continue
        in_flight, limit = endpoint.in_flight, endpoint.max_in_flight
        breaker = None if endpoint.tripped is None else endpoint.tripped.get(target.model)
        if breaker is not None:
            if breaker.is_blocked:
                slot_count += max(limit, 1) if breaker.is_brief else 0
                continue
            if breaker.state is BreakerState.HALF_OPEN and in_flight < limit:
                limit = in_flight + 1  # one call, whatever it could take
        # an endpoint may say 0 slots while it shrinks; it is routable all the same, and its callers wait
        slot_count += max(limit, 1)
        if in_flight < limit:
            free_count += limit - in_flight
            free.append(Candidate(endpoint, target, in_flight, limit, position))
    return free, free_count, slot_count


def tripped_ones(target: Target, exclude: frozenset[str]) -> list[tuple[Breaker, Candidate]]:
    """Return the routable endpoints of *target* to which nothing but a breaker lets no call, the one tripped first before all."""
    found = [
        (endpoint.tripped[target.model], Candidate(endpoint, target, endpoint.in_flight, endpoint.max_in_flight, position))
        for position, endpoint in enumerate(target.endpoints)
        if endpoint.tripped is not None
        and target.model in endpoint.tripped
        and endpoint.id not in exclude
        and endpoint.unroutable_reason is None
    ]
    return sorted(found, key=lambda each: each[0].since)


def early_candidates(tripped: Sequence[tuple[Breaker, Candidate]], now: float) -> list[Candidate]:
    """Return who is tried before its time, where there is nothing else: at most one."""
    return next(
        ([each] for breaker, each in tripped if breaker.may_probe(now) and each.in_flight < each.max_in_flight),
        [],
    )


def open_candidates(target: Target, exclude: frozenset[str], now: float) -> list[Candidate]:
    """Return the candidates that a call of *target* may be given now."""
    free, _, slot_count = free_candidates(target, exclude)
    if free or slot_count:
        return free
    return early_candidates(tripped_ones(target, exclude), now)


def is_warming(endpoints: Iterable[Endpoint]) -> bool:
    """Whether none of *endpoints* takes calls now, and some will as soon as they have loaded."""
    found = False
    for endpoint in endpoints:
        if endpoint.unroutable_reason is None:
            return False
        found = found or endpoint.is_loading
    return found


def no_endpoint(targets: Sequence[Target], exclude: frozenset[str], now: float) -> NoEndpoint:
    """Say why nothing can serve a call, endpoint by endpoint."""
    models = ", ".join(repr(target.model) for target in targets) or "the model"
    reasons = [f"{each.name}: {_why_not(each, target.model, exclude, now)}" for target in targets for each in target.endpoints]
    if not reasons:
        return NoEndpoint(f"No endpoint has {models}.")
    more = f"; and {len(reasons) - MAX_REASONS} more" if len(reasons) > MAX_REASONS else ""
    waits_s = [breaker.wait_s(now) for target in targets for breaker, _ in tripped_ones(target, exclude)]
    return NoEndpoint(
        f"No endpoint can serve {models} now. {'; '.join(reasons[:MAX_REASONS])}{more}.",
        retry_after_s=max(1, math.ceil(min(waits_s))) if waits_s else DEFAULT_RETRY_AFTER_S,
    )


def _why_not(endpoint: Endpoint, model: str, exclude: frozenset[str], now: float) -> str:
    if endpoint.id in exclude:
        return "was tried already"
    return (endpoint.why_not(model, now) or "is busy").rstrip(".")
