"""A server's worth of the plugin: its database, its lifespan, its authenticator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import evolve, frozen
from llmlb_auth_apikey import APP, ApiKeyPlugin
from llmlb_auth_apikey.authenticator import ApiKeyAuthenticator
from llmlb_auth_apikey.authorizer import ModelAllowList
from llmlb_auth_apikey.keys import hash_of, new_key
from llmlb_auth_apikey.refresh import Refresher
from llmlb_auth_apikey.settings import ApiKeySettings
from llmlb_auth_apikey.store import make_key
from llmlb_testing.postgres import PostgresServer

from llmlb_core import Plugin, Principal
from llmlb_core.settings.sections import Settings, StorageSettings
from llmlb_core.storage.rows import utc_now
from llmlb_core.storage.setup import open_storage


@frozen
class Served:
    """The running plugin."""

    plugin: Plugin
    instance: ApiKeyPlugin
    authenticator: ApiKeyAuthenticator

    @property
    def refresher(self) -> Refresher:
        found = self.plugin.shared["refresher"]
        assert isinstance(found, Refresher)
        return found

    async def add(self, *, scopes=("api",), expires_at=None, models=None, name="test") -> tuple[str, str]:
        """Make a key as another process would, then read it; return its id and the key."""
        secret = new_key()
        key = make_key(hash_of(secret), name=name, scopes=frozenset(scopes), expires_at=expires_at, models=models, now=utc_now())
        await self.refresher.store.add(key)
        await self.refresher.refresh()
        return key.id, secret

    async def ask(self, key: str) -> Principal:
        """Authenticate a bearer."""
        credential = self.authenticator.credential({"authorization": f"Bearer {key}"})
        assert credential is not None
        return await self.authenticator.verify(credential)


@asynccontextmanager
async def serving(settings: Settings, own: ApiKeySettings) -> AsyncIterator[Served]:
    """Open the database and the plugin's lifespan."""
    async with open_storage(settings, [APP]):
        plugin = Plugin("auth_apikey", settings.data_dir, own)
        instance = ApiKeyPlugin(plugin)
        authenticator, allow_list, _ = instance.llmlb_auth()
        assert isinstance(authenticator, ApiKeyAuthenticator)
        assert isinstance(allow_list, ModelAllowList)
        async with instance.llmlb_lifespan(plugin):
            yield Served(plugin, instance, authenticator)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a server on SQLite."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    """The plugin, looking for changes often."""
    async with serving(settings, ApiKeySettings(poll_s=0.05)) as running:
        yield running


@pytest.fixture
def postgres_settings(settings: Settings, postgres_server: PostgresServer) -> Settings:
    """Settings of a server on PostgreSQL."""
    return evolve(settings, storage=StorageSettings(database_url=postgres_server.create_database()))
