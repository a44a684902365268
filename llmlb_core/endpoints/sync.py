"""What a server has, brought into the registry: added, gone, changed (66555000-F6, F22)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import attrs
from attrs import frozen

from llmlb_core.contracts.endpoint_kind import Server
from llmlb_core.domain.registration import Condition, ServedModel
from llmlb_core.domain.remote import RemoteModel
from llmlb_core.endpoints.model_names import RefusedName
from llmlb_core.endpoints.offer import MANY, prepare_offer
from llmlb_core.endpoints.probe import list_models
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.registry import EndpointRegistry

LISTED_EVERY_S = 300.0
"""A server that stays well is asked for its models this often; one that comes back, at once."""


@frozen
class Synced:
    """What a sync changed.

    Attributes:
        models: All that the server has now.
        refused: Some of the names that were not taken.
        is_news: Whether anything that is kept of the server changed.
    """

    models: tuple[ServedModel, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    updated: tuple[str, ...]
    refused: tuple[RefusedName, ...] = ()
    refused_count: int = 0
    is_news: bool = False


async def sync(registry: EndpointRegistry, endpoint: RegisteredEndpoint, server: Server) -> Synced:
    """Ask *server*, which is behind *endpoint*, for its models, and serve those from now on.

    Raises:
        ServerError: It cannot be told; what was known stays (66555000-E3).
    """
    listing = await list_models(server, endpoint.kind_object)
    before, listed_before, found = endpoint.served, endpoint.listed, listing.found
    offer = await prepare_offer(endpoint.registration, found.models, before)
    flag_before = endpoint.condition.supports_responses
    if listing.supports_responses is not None and listing.supports_responses != flag_before:
        registry.seen(endpoint, _with_flag(endpoint.condition, listing.supports_responses))
    registry.lists(endpoint, found.models, datetime.now(UTC).replace(microsecond=0), offer)
    after = endpoint.served
    return Synced(
        models=tuple(after.values()),
        added=tuple(name for name in offer.changed if name not in before),
        removed=tuple(name for name in offer.changed if name not in after),
        updated=tuple(name for name in offer.changed if name in after and name in before),
        refused=found.refused,
        refused_count=found.refused_count,
        is_news=await _is_news(listed_before, found.models),
    )


def _with_flag(condition: Condition, supports_responses: bool) -> Condition:  # noqa: FBT001  # a value, not a switch
    return attrs.evolve(condition, supports_responses=supports_responses)


async def _is_news(before: Sequence[RemoteModel], after: Sequence[RemoteModel]) -> bool:
    """Say whether a list changed, but for what changes from minute to minute."""

    def differ() -> bool:
        return len(before) != len(after) or any(
            one != other and attrs.evolve(one, is_ready=None) != attrs.evolve(other, is_ready=None)
            for one, other in zip(before, after, strict=True)
        )

    return differ() if len(after) <= MANY else await asyncio.to_thread(differ)
