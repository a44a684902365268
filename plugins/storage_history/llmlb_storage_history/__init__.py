"""The history of calls: one row of metadata each; and where the operator asks for it, what they said.

``journal`` takes records, ``columns`` makes rows of them, ``writer`` brings them into the database, ``retention`` takes old ones
out, ``query`` finds them again, ``api`` shows them. ``bodies`` keeps content, in a process of its own.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from llmlb_core import BodySink, Feedback, Observer, Plugin, Routes, StorageApp, get_logger, hookimpl
from llmlb_storage_history.journal import Journal
from llmlb_storage_history.settings import HistorySettings

if TYPE_CHECKING:
    from llmlb_core.storage.rows import Database
    from llmlb_storage_history.bodies.sink import BodyKeeper

APP = StorageApp("storage_history", "llmlb_storage_history.rows", "llmlb_storage_history.migrations")


class HistoryPlugin:
    """One server's history: the journal is what its parts share."""

    def __init__(self, plugin: Plugin) -> None:
        """Make an empty journal; it is written while the server's lifespan runs."""
        self.settings = plugin.settings if isinstance(plugin.settings, HistorySettings) else HistorySettings()
        self.journal = Journal(self.settings.max_waiting_rows)
        self.keeper = self._make_keeper()

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.storage_history]``."""
        return HistorySettings

    @hookimpl
    def llmlb_observers(self) -> Iterable[Observer | Feedback | BodySink]:
        """Contribute the journal, and a sink of bodies only where they are wanted: without one, calls are not copied at all."""
        return (self.journal,) if self.keeper is None else (self.journal, self.keeper)

    @hookimpl
    def llmlb_storage(self) -> Iterable[StorageApp]:
        """Contribute the tables."""
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
        async with (
            cleaning(database, self.settings.days),
            Writer(self.journal, database).running(),
            self._recording(database),
        ):
            yield
        del plugin.shared["history"]

    def _make_keeper(self) -> BodyKeeper | None:
        if self.settings.bodies == "none":
            return None
        if os.name == "nt":
            get_logger("storage_history").error("bodies_not_kept", reason="the recorder needs a socket pair that it can inherit")
            return None
        from llmlb_storage_history.bodies.sink import BodyKeeper

        return BodyKeeper(self.settings.max_body_bytes, self.settings.max_held_body_bytes)

    def _recording(self, database: Database) -> AbstractAsyncContextManager[None]:
        settings = self.settings
        if self.keeper is None or settings.bodies == "none":
            return nullcontext()
        from llmlb_storage_history.bodies.frames import Begin
        from llmlb_storage_history.bodies.recorder import Recorder

        begin = Begin(database.ticket(), settings.bodies, settings.max_kept_body_bytes)
        return Recorder(self.keeper, begin).running()
