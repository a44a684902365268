"""The history of calls: one row of metadata each, never content.

``journal`` takes records, ``columns`` makes rows of them, ``writer`` brings them into the database, ``retention`` takes old ones
out, ``query`` finds them again, ``api`` shows them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from llmlb_core import Feedback, Observer, Plugin, Routes, StorageApp, hookimpl
from llmlb_storage_history.journal import Journal
from llmlb_storage_history.settings import HistorySettings

APP = StorageApp("storage_history", "llmlb_storage_history.rows", "llmlb_storage_history.migrations")


class HistoryPlugin:
    """One server's history: the journal is what its parts share."""

    def __init__(self, plugin: Plugin) -> None:
        """Make an empty journal; it is written while the server's lifespan runs."""
        self.settings = plugin.settings if isinstance(plugin.settings, HistorySettings) else HistorySettings()
        self.journal = Journal(self.settings.max_waiting_rows)

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.storage_history]``."""
        return HistorySettings

    @hookimpl
    def llmlb_observers(self) -> Iterable[Observer | Feedback]:
        """Contribute the journal."""
        return (self.journal,)

    @hookimpl
    def llmlb_storage(self) -> Iterable[StorageApp]:
        """Contribute the table."""
        return (APP,)

    @hookimpl
    def llmlb_routes(self) -> Iterable[Routes]:
        """Contribute the pages."""
        return (Routes("/v0/requests", "llmlb_storage_history.api:blueprint", "admin"),)

    @hookimpl
    def llmlb_lifespan(self, plugin: Plugin) -> AbstractAsyncContextManager[None]:
        """Write and clean while the server runs."""
        return self._run(plugin)

    @asynccontextmanager
    async def _run(self, plugin: Plugin) -> AsyncIterator[None]:
        # Imports Tortoise, which a worker or a command has no use for.
        from llmlb_core.storage.rows import current_database
        from llmlb_storage_history.query import History
        from llmlb_storage_history.retention import cleaning
        from llmlb_storage_history.writer import Writer

        database = current_database()
        # The blueprint's function gets the same Plugin.
        plugin.shared["history"] = History(database)
        async with cleaning(database, self.settings.days), Writer(self.journal, database).running():
            yield
        del plugin.shared["history"]
