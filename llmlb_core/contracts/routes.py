"""Routes: HTTP pages and websockets of a plugin that are not inference."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from llmlb_core.domain.principals import Scope


@frozen
class Routes:
    """A Quart blueprint, imported only when the web plane starts.

    Attributes:
        prefix: Path prefix, such as ``/v0/api-keys``; also served under ``/api`` where it begins with ``/v0``.
        blueprint: ``module:function``; the function takes the plugin's ``Plugin`` and returns a ``quart.Blueprint``.
        scope: What the caller's principal must hold, enforced by the core; ``public`` = no credential asked.
        websocket_key: How a subprotocol begins that carries a key, for browsers: their websockets send no headers of one's own.
            The rest of it counts as a bearer where no ``Authorization`` came. Empty = none does. The headers with which a caller
            was let in are ``quart.g.headers``; a subprotocol with a key must not be answered with.
    """

    prefix: str
    blueprint: str
    scope: Scope | Literal["public"]
    websocket_key: str = ""
