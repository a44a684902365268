"""The settings of ``[plugins.router_session]``."""

from __future__ import annotations

from attrs import frozen

from llmlb_core import setting


@frozen
class SessionRouterSettings:
    """What a session is known by."""

    headers: tuple[str, ...] = setting(("x-session-id",), "Request headers that name a session; the first that is there counts.")
    fields: tuple[str, ...] = setting(
        ("conversation", "prompt_cache_key", "safety_identifier", "user"),
        "Fields of the body that do, where no header does; the first that is there counts.",
    )
    by_principal: bool = setting(False, "Calls that name no session belong to that of their API key.")
