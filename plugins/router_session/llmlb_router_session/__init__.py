"""The router ``session``: calls of one session go where the first one went, without remembering any."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl
from llmlb_router_session.settings import SessionRouterSettings

if TYPE_CHECKING:
    from llmlb_core import Plugin, Router, Scorer


class RouterSessionPlugin:
    """Holds what a session is known by."""

    def __init__(self, plugin: Plugin) -> None:
        """Take it from settings."""
        own = plugin.settings
        self._settings = own if isinstance(own, SessionRouterSettings) else SessionRouterSettings()

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.router_session]``."""
        return SessionRouterSettings

    @hookimpl
    def llmlb_routers(self) -> Iterable[Router | Scorer]:
        """Contribute the router and its scorer."""
        from llmlb_core import Composed, InFlight, Rank, Rotation
        from llmlb_router_session.keys import SessionKeys
        from llmlb_router_session.scorer import SessionPlace

        scorer = SessionPlace(SessionKeys(self._settings))
        return Composed("session", (), (Rank(scorer), Rank(InFlight())), Rotation()), scorer
