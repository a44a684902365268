"""Asking one server what it is, how it is, and what it has.

Kinds are other people's code: whatever they raise becomes an error of the server that they were asked about.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Collection
from typing import ClassVar, TypeVar

from attrs import frozen

from llmlb_core.contracts.endpoint_kind import EndpointKind, Server
from llmlb_core.domain.remote import Report
from llmlb_core.endpoints.detection import detect_kind
from llmlb_core.endpoints.model_names import CleanList, clean
from llmlb_core.endpoints.offer import MANY
from llmlb_core.errors import AnswerUnexpected, ServerError, ServerTimedOut

RECOGNISE_S = 15.0
"""For all kinds together; each of their questions has a deadline of its own."""
LIST_S = 30.0

T = TypeVar("T")
_log = logging.getLogger("llmlb.endpoints")


class UnknownKind(EndpointKind):
    """What a server is that no installed kind recognises: it is taken for a plain OpenAI-compatible one."""

    name: ClassVar[str] = "unknown"

    async def detect(self, server: Server) -> bool:
        """Never; it is what is left."""
        del server
        return False

    async def check(self, server: Server) -> Report:
        """Ask for its models, and see that they are some: nothing else is known of it."""
        await self.list_models(server)
        return Report()


UNKNOWN = UnknownKind()


@frozen
class Look:
    """One look at a server that went well.

    Attributes:
        latency_ms: Round trip of the question.
    """

    report: Report
    latency_ms: float


@frozen
class Listing:
    """What a server has.

    Attributes:
        supports_responses: Whether it serves ``/v1/responses``; None = it cannot be told.
    """

    found: CleanList
    supports_responses: bool | None = None


async def recognise(server: Server, kinds: Collection[EndpointKind]) -> EndpointKind:
    """Return the kind of *server*; where none of *kinds* knows it, ``UNKNOWN``, whose check says what is odd about it.

    Raises:
        ServerError: It does not answer, or refuses the key, or sends elsewhere.
    """

    def fault(kind: EndpointKind, error: Exception) -> None:
        facts = {"endpoint": server.name, "kind": kind.name, "error": f"{type(error).__name__}: {error}"}
        _log.error("kind_raised", extra={"facts": facts})

    try:
        async with asyncio.timeout(RECOGNISE_S):
            return await detect_kind(kinds, server, fault)
    except TimeoutError as error:
        raise _too_late(server, RECOGNISE_S) from error
    except AnswerUnexpected:
        return UNKNOWN


async def look(server: Server, kind: EndpointKind, timeout_s: float) -> Look:
    """Ask *server* how it is.

    Raises:
        ServerError: It is not well, or did not answer within *timeout_s* (66555000-E2).
    """
    started_at = time.perf_counter()
    report = await _guarded(kind, server, kind.check(server), timeout_s)
    return Look(report, round((time.perf_counter() - started_at) * 1000, 3))


async def list_models(server: Server, kind: EndpointKind) -> Listing:
    """Ask *server* what it has.

    Raises:
        ServerError: It cannot be told.
    """
    models = await _guarded(kind, server, kind.list_models(server), LIST_S)
    found = clean(models) if len(models) <= MANY else await asyncio.to_thread(clean, models)
    try:
        responses = await _guarded(kind, server, kind.find_responses(server), RECOGNISE_S)
    except ServerError:
        responses = None  # the list is worth keeping; the flag is asked for again
    return Listing(found, responses)


async def _guarded(kind: EndpointKind, server: Server, question: Awaitable[T], timeout_s: float) -> T:
    try:
        async with asyncio.timeout(timeout_s):
            return await question
    except TimeoutError as error:
        raise _too_late(server, timeout_s) from error
    except ServerError:
        raise
    except Exception as error:
        raise ServerError(
            f"Endpoint '{server.name}' could not be asked: the kind '{kind.name}' raised {type(error).__name__}: {error}",
            endpoint=server.name,
        ) from error


def _too_late(server: Server, timeout_s: float) -> ServerTimedOut:
    return ServerTimedOut(f"Endpoint '{server.name}' did not answer within {timeout_s:g} s.", endpoint=server.name)
