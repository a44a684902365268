"""Who may open a page: the scope of its routes, enforced by the core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from quart import Blueprint, g, request

from llmlb_core.domain.principals import Principal, Scope
from llmlb_core.stages.authenticate import Authenticate
from llmlb_core.stages.authorize import require_scope


def guard(blueprint: Blueprint, scope: Scope | Literal["public"], authenticate: Callable[[], Authenticate]) -> None:
    """Let only principals with *scope* into *blueprint*; ``quart.g.principal`` is who it is."""
    if scope == "public":
        return

    async def check() -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        principal: Principal = await authenticate()(headers)
        require_scope(principal, scope)
        g.principal = principal

    blueprint.before_request(check)


def guard_by_method(blueprint: Blueprint, read: Sequence[Scope], write: Scope, authenticate: Callable[[], Authenticate]) -> None:
    """Let principals with one of *read* look at *blueprint*, and only those with *write* change something."""

    async def check() -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        principal: Principal = await authenticate()(headers)
        if request.method not in ("GET", "HEAD") or not any(principal.has(scope) for scope in read):
            require_scope(principal, write)
        g.principal = principal

    blueprint.before_request(check)
