"""Looking at targets: which endpoints may take a call, and which have a free slot now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define

from llmlb_core.contracts.endpoint import Endpoint
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
    """

    target: Target
    ids: frozenset[str]
    free: list[Candidate]
    free_count: int
    slot_count: int
    is_warming: bool = False


def survey(targets: Sequence[Target], exclude: frozenset[str]) -> Survey:
    """Look at the first target that has a routable endpoint, or else at the first that has one which still loads.

    A call that was tried somewhere already waits for no loading: it failed for another reason, which its client should know.

    Raises:
        NoEndpoint: None of them has; says why of each endpoint.
    """
    for target in targets:
        free, free_count, slot_count = free_candidates(target, exclude)
        if slot_count:
            ids = frozenset([endpoint.id for endpoint in target.endpoints])
            return Survey(target, ids - exclude if exclude else ids, free, free_count, slot_count)
    for target in () if exclude else targets:
        slot_count = sum(max(endpoint.max_in_flight, 1) for endpoint in target.endpoints if endpoint.is_loading)
        if slot_count:
            return Survey(target, target.ids, [], 0, slot_count, is_warming=True)
    raise no_endpoint(targets, exclude)


def free_candidates(target: Target, exclude: frozenset[str]) -> tuple[list[Candidate], int, int]:
    """Return the candidates with a free slot, their free slots, and the slots of all routable endpoints."""
    free: list[Candidate] = []
    free_count = slot_count = 0
    for position, endpoint in enumerate(target.endpoints):
        if (exclude and endpoint.id in exclude) or endpoint.unroutable_reason is not None:
            continue
        in_flight, limit = endpoint.in_flight, endpoint.max_in_flight
        # an endpoint may say 0 slots while it shrinks; it is routable all the same, and its callers wait
        slot_count += max(limit, 1)
        if in_flight < limit:
            free_count += limit - in_flight
            free.append(Candidate(endpoint, target, in_flight, limit, position))
    return free, free_count, slot_count


def is_warming(endpoints: Iterable[Endpoint]) -> bool:
    """Whether none of *endpoints* takes calls now, and some will as soon as they have loaded."""
    found = False
    for endpoint in endpoints:
        if endpoint.unroutable_reason is None:
            return False
        found = found or endpoint.is_loading
    return found


def no_endpoint(targets: Sequence[Target], exclude: frozenset[str]) -> NoEndpoint:
    """Say why nothing can serve a call, endpoint by endpoint."""
    models = ", ".join(repr(target.model) for target in targets) or "the model"
    reasons = [
        f"{endpoint.name}: {'was tried already' if endpoint.id in exclude else str(endpoint.unroutable_reason).rstrip('.')}"
        for target in targets
        for endpoint in target.endpoints
    ]
    if not reasons:
        return NoEndpoint(f"No endpoint has {models}.")
    more = f"; and {len(reasons) - MAX_REASONS} more" if len(reasons) > MAX_REASONS else ""
    return NoEndpoint(
        f"No endpoint can serve {models} now. {'; '.join(reasons[:MAX_REASONS])}{more}.", retry_after_s=DEFAULT_RETRY_AFTER_S
    )
