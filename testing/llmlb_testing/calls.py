"""Calls and candidates as the stages hand them to plugins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from llmlb_core import Call, Candidate, Capability, Head, Operation, Principal, Route, Target, new_id
from llmlb_testing.endpoints import FakeEndpoint

ROUTE = Route("/v1/chat/completions", Operation.CHAT, Capability.TEXT_GENERATION)


def make_call(
    principal: str = "A",
    *,
    model: str = "m",
    deadline_at: float = 1e9,
    weight: float = 1.0,
    name: str = "",
    headers: Mapping[str, str] | None = None,
    stream: bool = False,
    body: bytes = b"",
    received_at: float = 0.0,
) -> Call:
    """Return a call as the stage ``acquire`` sees it.

    Args:
        principal: Id of who calls; the unit of fairness.
        model: What the client wrote.
        deadline_at: ``time.monotonic()`` after which the call is over.
        weight: Share of the principal.
        name: Of the principal, for people.
        headers: Of the request, lower-case names.
        stream: Whether server-sent events were asked for.
        body: Of the request.
        received_at: ``time.monotonic()`` when it came.
    """
    head = Head("POST", "/v1/chat/completions", "", dict(headers or {}), "127.0.0.1", received_at)
    nothing = cast("Any", None)  # the dialect is not looked at while a call is placed
    return Call(
        id=new_id(),
        head=head,
        route=ROUTE,
        dialect=nothing,
        body=body,
        model=model,
        stream=stream,
        principal=Principal(principal, name, weight=weight),
        deadline_at=deadline_at,
    )


def candidates(count: int, *, model: str = "m", max_in_flight: int = 4) -> list[Candidate]:
    """Return *count* idle candidates of one target, in order of ``position``, as a router gets them."""
    target = Target(model, tuple(FakeEndpoint(f"e{index}", max_in_flight) for index in range(count)))
    return [Candidate(endpoint, target, 0, max_in_flight, index) for index, endpoint in enumerate(target.endpoints)]
