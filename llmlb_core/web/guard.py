"""Who may open a page or a websocket: the scope of its routes, enforced by the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from quart import Blueprint, g, request, websocket

from llmlb_core.domain.principals import Principal, Scope
from llmlb_core.stages.authenticate import Authenticate
from llmlb_core.stages.authorize import require_scope


def guard(
    blueprint: Blueprint, scope: Scope | Literal["public"], authenticate: Callable[[], Authenticate], websocket_key: str = ""
) -> None:
    """Let only principals with *scope* into *blueprint*; ``quart.g.principal`` is who it is, ``g.headers`` what told so.

    A websocket is refused before it is one, with an answer of HTTP. *websocket_key* is of ``Routes``.
    """
    if scope == "public":
        return

    async def check(headers: Mapping[str, str]) -> None:
        principal: Principal = await authenticate()(headers)
        require_scope(principal, scope)
        g.principal, g.headers = principal, headers

    async def check_page() -> None:
        await check({name.lower(): value for name, value in request.headers.items()})

    async def check_websocket() -> None:
        headers = {name.lower(): value for name, value in websocket.headers.items()}
        if websocket_key and "authorization" not in headers:
            for each in websocket.requested_subprotocols:
                if each.startswith(websocket_key):
                    headers["authorization"] = f"Bearer {each.removeprefix(websocket_key)}"
        await check(headers)

    blueprint.before_request(check_page)
    blueprint.before_websocket(check_websocket)


def guard_by_method(blueprint: Blueprint, read: Sequence[Scope], write: Scope, authenticate: Callable[[], Authenticate]) -> None:
    """Let principals with one of *read* look at *blueprint*, and only those with *write* change something."""

    async def check() -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        principal: Principal = await authenticate()(headers)
        if request.method not in ("GET", "HEAD") or not any(principal.has(scope) for scope in read):
            require_scope(principal, write)
        g.principal = principal

    blueprint.before_request(check)
