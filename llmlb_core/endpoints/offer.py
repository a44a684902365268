"""What a server offers: the models by its operator's word or its own list, and what each of them can do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from attrs import frozen

from llmlb_core.domain.registration import Registration, ServedModel
from llmlb_core.domain.remote import RemoteModel
from llmlb_core.endpoints.model_names import capabilities_by_name

MANY = 300
"""More models than that are worked on in a thread: streams go on meanwhile."""


@frozen
class Offer:
    """The models of one server.

    Attributes:
        said: What it was made from.
        changed: Names that are new, gone, or not what they were before.
    """

    said: Registration
    models: Mapping[str, ServedModel]
    changed: frozenset[str]


def make_offer(said: Registration, listed: Sequence[RemoteModel], before: Mapping[str, ServedModel]) -> Offer:
    """Return what *said* and *listed* come to; *before* is what was offered until now."""
    by_name = {model.id: model for model in listed}
    names = said.models or by_name
    models = {name: _served(said, by_name.get(name), name) for name in names}
    changed = {name for name, model in models.items() if before.get(name) != model}
    return Offer(said, models, frozenset(changed.union(name for name in before if name not in models)))


async def prepare_offer(said: Registration, listed: Sequence[RemoteModel], before: Mapping[str, ServedModel]) -> Offer:
    """As ``make_offer``, without keeping the event loop busy."""
    if len(listed) + len(before) <= MANY:
        return make_offer(said, listed, before)
    return await asyncio.to_thread(make_offer, said, listed, before)


def _served(said: Registration, listed: RemoteModel | None, name: str) -> ServedModel:
    own = said.overrides.get(name) or said.capabilities
    told = listed.capabilities if listed is not None else None
    if own or told:
        capabilities, source = own or told or (), "operator" if own else "server"
    else:
        capabilities, source = capabilities_by_name(name), "name"
    if listed is None:
        return ServedModel(name, capabilities, source)  # type: ignore[arg-type]  # one of three literals
    return ServedModel(
        name,
        capabilities,
        source,  # type: ignore[arg-type]  # one of three literals
        context_tokens=listed.context_tokens,
        apis=listed.apis,
        owned_by=listed.owned_by,
        size_bytes=listed.size_bytes,
        is_ready=listed.is_ready,
        max_in_flight=listed.max_in_flight,
    )
