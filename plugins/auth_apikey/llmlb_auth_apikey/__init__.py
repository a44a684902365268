"""API keys: kept as hashes in the database, checked in memory.

``keys`` is what a key is, ``rows`` its tables, ``store`` the database's side, ``ring`` the memory's side, ``authenticator``,
``authorizer`` and ``quota`` what the pipeline asks, ``api`` the admin routes, ``commands`` what ``llmlb keys`` does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from llmlb_auth_apikey.authenticator import ApiKeyAuthenticator
from llmlb_auth_apikey.authorizer import ModelAllowList
from llmlb_auth_apikey.quota import KeyQuota, TokenCount
from llmlb_auth_apikey.ring import KeyRing
from llmlb_auth_apikey.settings import ApiKeySettings
from llmlb_core import Authenticator, Authorizer, Feedback, Observer, Plugin, Routes, StorageApp, hookimpl

if TYPE_CHECKING:
    import click

APP = StorageApp("auth_apikey", "llmlb_auth_apikey.rows", "llmlb_auth_apikey.migrations")


class ApiKeyPlugin:
    """One server's keys: the ring is what its parts share."""

    def __init__(self, plugin: Plugin) -> None:
        """Make an empty ring; it is filled when the server's lifespan begins."""
        settings = plugin.settings if isinstance(plugin.settings, ApiKeySettings) else ApiKeySettings()
        self.ring = KeyRing(settings)
        self.quota = KeyQuota(self.ring)

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.auth_apikey]``."""
        return ApiKeySettings

    @hookimpl
    def llmlb_auth(self) -> Iterable[Authenticator | Authorizer]:
        """Contribute who knows keys, who knows which models a key may use, and how much of them."""
        return ApiKeyAuthenticator(self.ring), ModelAllowList(), self.quota

    @hookimpl
    def llmlb_observers(self) -> Iterable[Observer | Feedback]:
        """Contribute what counts tokens."""
        return (TokenCount(self.quota),)

    @hookimpl
    def llmlb_storage(self) -> Iterable[StorageApp]:
        """Contribute the keys' tables."""
        return (APP,)

    @hookimpl
    def llmlb_routes(self) -> Iterable[Routes]:
        """Contribute the admin API of keys."""
        return (Routes("/v0/api-keys", "llmlb_auth_apikey.api:blueprint", "admin"),)

    @hookimpl
    def llmlb_lifespan(self, plugin: Plugin) -> AbstractAsyncContextManager[None]:
        """Fill the ring and keep it fresh while the server runs."""
        return self._run(plugin)

    @asynccontextmanager
    async def _run(self, plugin: Plugin) -> AsyncIterator[None]:
        # Imports Tortoise, which a worker or a command without keys does not need.
        from llmlb_auth_apikey.refresh import Refresher

        refresher = Refresher(self.ring)
        # The blueprint's function gets the same Plugin.
        plugin.shared["refresher"] = refresher
        async with refresher.running():
            yield

    @staticmethod
    @hookimpl
    def llmlb_commands(cli: click.Group) -> None:
        """Add ``llmlb keys``."""
        from llmlb_auth_apikey.commands import keys

        cli.add_command(keys)
