"""Looking at a server that is not registered: what would come of it (66555000-F7)."""

from __future__ import annotations

from collections.abc import Collection

from attrs import frozen

from llmlb_core.contracts.endpoint_kind import EndpointKind, Server
from llmlb_core.endpoints.probe import Listing, Look, list_models, look, recognise
from llmlb_core.errors import ServerError


@frozen
class Trial:
    """What was seen.

    Attributes:
        kind: What it was recognised as; None where it was not.
        look: None where it is not well, or where its kind cannot be asked.
        listing: None where it does not list its models.
        error: Why it cannot be used; None where it can.
    """

    kind: str | None = None
    look: Look | None = None
    listing: Listing | None = None
    error: ServerError | None = None


async def try_out(server: Server, kinds: Collection[EndpointKind], fixed: EndpointKind | None, timeout_s: float) -> Trial:
    """Ask *server* everything that it would be asked if it were registered. What goes wrong is part of the answer.

    Args:
        server: Whom to ask.
        kinds: Installed kinds.
        fixed: The kind that it is said to be; None = recognise it.
        timeout_s: For the look.
    """
    trial = Trial()
    try:
        kind = fixed or await recognise(server, kinds)
        trial = Trial(kind.name)
        seen = None if kind.is_passive else await look(server, kind, timeout_s)
        trial = Trial(kind.name, seen)
        return Trial(kind.name, seen, await list_models(server, kind))
    except ServerError as error:
        return Trial(trial.kind, trial.look, None, error)
