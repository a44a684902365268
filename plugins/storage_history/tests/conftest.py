"""A server's worth of the plugin: its database, its lifespan, its pages; on SQLite and on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from attrs import frozen
from llmlb_storage_history import APP, HistoryPlugin
from llmlb_storage_history.journal import Journal
from llmlb_storage_history.query import Filter, History
from llmlb_storage_history.settings import HistorySettings
from llmlb_storage_history.writer import Writer
from llmlb_testing.postgres import PostgresServer

from llmlb_core import Plugin, Record
from llmlb_core.settings.sections import Settings, StorageSettings
from llmlb_core.storage.rows import Database, current_database
from llmlb_core.storage.setup import open_storage

EVERYTHING = Filter()


@frozen
class Kept:
    """An open database with the history's table, and what writes and reads it; nothing runs by itself."""

    database: Database
    journal: Journal
    writer: Writer
    history: History

    async def write(self, *records: Record) -> None:
        """Bring *records* into the database."""
        await self.journal.observe(records)
        assert await self.writer.flush()

    async def ids(self, wanted: Filter = EVERYTHING, per_page: int = 100) -> list[str]:
        """Return the ids of the newest rows."""
        page = await self.history.page(wanted, per_page)
        return [row["id"] for row in page.rows]


def _make_record(number: int = 1, *, age_s: float = 0.0, **facts: object) -> Record:
    """Return a finished call that began *age_s* ago."""
    known = {"operation": "chat", "model": "m", "served_by": "e", "principal": "key:1", "status": 200, "ending": "finished"}
    return Record(f"req-{number:08}", time.monotonic() - age_s, **{**known, **facts})


@asynccontextmanager
async def _keeping(settings: Settings, max_waiting_rows: int = 20_000) -> AsyncIterator[Kept]:
    """Open the database."""
    async with open_storage(settings, [APP]):
        database = current_database()
        journal = Journal(max_waiting_rows)
        yield Kept(database, journal, Writer(journal, database), History(database))


@asynccontextmanager
async def _serving(settings: Settings, own: HistorySettings) -> AsyncIterator[tuple[Plugin, HistoryPlugin]]:
    """Open the database and the plugin's lifespan."""
    async with open_storage(settings, [APP]):
        plugin = Plugin("storage_history", settings.data_dir, own)
        instance = HistoryPlugin(plugin)
        async with instance.llmlb_lifespan(plugin):
            yield plugin, instance


@pytest.fixture
def sqlite_settings(tmp_path: Path) -> Settings:
    """Settings of a server on SQLite."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a server on either database."""
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_settings")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return Settings(data_dir=tmp_path / "data", storage=StorageSettings(database_url=server.create_database()))


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """Return what makes a finished call: its number, and facts that differ from the usual."""
    return _make_record


@pytest.fixture
def keeping(settings: Settings) -> Callable[..., AbstractAsyncContextManager[Kept]]:
    """Return what opens the history, with room for so many waiting rows."""
    return partial(_keeping, settings)


@pytest.fixture
def serving(settings: Settings) -> Callable[..., AbstractAsyncContextManager[tuple[Plugin, HistoryPlugin]]]:
    """Return what runs the plugin."""
    return partial(_serving, settings, HistorySettings())


@pytest.fixture
async def kept(settings: Settings) -> AsyncIterator[Kept]:
    """An open, empty history."""
    async with _keeping(settings) as opened:
        yield opened
