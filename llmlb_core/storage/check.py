"""What ``llmlb db check`` reads: is the database sound, and is its schema the one that the plugins want?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import attrs
from attrs import frozen

from llmlb_core.contracts.storage import StorageApp
from llmlb_core.errors import StartError
from llmlb_core.settings.sections import Settings
from llmlb_core.storage import sqlite_file
from llmlb_core.storage.address import DatabaseAddress
from llmlb_core.storage.apps import Apps, import_apps
from llmlb_core.storage.connection import bound, client, connect
from llmlb_core.storage.faults import explain
from llmlb_core.storage.migrations import read_state


@frozen
class AppReport:
    """The migrations of one plugin, by name.

    Attributes:
        newer: Applied, but unknown to the installed plugin, which is older than the database.
    """

    label: str
    applied: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()


@frozen
class StorageReport:
    """What was found; reading it changed nothing.

    Attributes:
        database: Where it is, without a password.
        exists: Whether there is a database yet.
        size_bytes: With what is still in SQLite's WAL; None where it could not be read.
        problems: In sentences; empty when the database is sound.
        backups: Copies that migrations made, oldest first.
    """

    engine: str
    database: str
    exists: bool
    size_bytes: int | None
    apps: tuple[AppReport, ...]
    problems: tuple[str, ...]
    backups: tuple[Path, ...] = ()

    @property
    def pending(self) -> tuple[str, ...]:
        """All pending migrations, as ``app.name``."""
        return tuple(f"{app.label}.{name}" for app in self.apps for name in app.pending)


async def check_storage(settings: Settings, apps: Sequence[StorageApp]) -> StorageReport:
    """Look at the database without making, migrating or repairing it.

    Raises:
        DatabaseUnusable: The settings name no database that llmlb knows. What is wrong with the database itself is a problem.
    """
    address = DatabaseAddress.of(settings)
    imported = import_apps(apps)
    broken = tuple(reason.message for _, reason in imported.broken)
    empty = StorageReport(address.engine, address.shown, exists=True, size_bytes=None, apps=(), problems=broken)
    try:
        if address.path is None:
            return await _read(address, imported, empty)
        if not address.path.exists():
            # What is pending for a database that is not there yet: everything, as an empty one in memory tells.
            nowhere = attrs.evolve(address, path=Path(":memory:"))
            return attrs.evolve(await _read(nowhere, imported, empty), exists=False, size_bytes=0)
        return await _read_file(address, address.path, imported, empty)
    except StartError as error:
        return attrs.evolve(empty, problems=(*broken, error.message))


async def _read_file(address: DatabaseAddress, path: Path, apps: Apps, empty: StorageReport) -> StorageReport:
    # A raw driver error of the check itself becomes the same line that a start would print.
    try:
        found = await asyncio.to_thread(sqlite_file.integrity, path)
    except Exception as error:  # noqa: BLE001  # SQLite and the file system
        raise explain(error, address) from None
    backups = tuple(sqlite_file.backups(path))
    report = attrs.evolve(empty, backups=backups, size_bytes=sqlite_file.size_bytes(path))
    if found:
        lines = f"The database file {path} is damaged: {'; '.join(found[:5])}."
        return attrs.evolve(report, problems=(*report.problems, lines))
    return attrs.evolve(await _read(address, apps, report), backups=backups, size_bytes=sqlite_file.size_bytes(path))


async def _read(address: DatabaseAddress, apps: Apps, report: StorageReport) -> StorageReport:
    async with connect(address, apps) as context:
        try:
            state = await read_state(context, apps)
        except Exception as error:  # noqa: BLE001  # any driver
            raise explain(error, address, "be read") from None
        size_bytes: int | None = None
        if address.engine == "postgres":
            with bound(context):
                rows = await client(context).execute_query_dict("SELECT pg_database_size(current_database()) AS size")
            size_bytes = int(rows[0]["size"])
    found = tuple(
        AppReport(app.label, *(_names(app.label, keys) for keys in (state.applied, state.pending, state.newer)))
        for app in apps.usable
    )
    newer: tuple[str, ...] = ()
    if state.newer:
        newer = (f"The database is newer than the installed plugins: they do not know {', '.join(state.newer)}.",)
    return attrs.evolve(report, apps=found, size_bytes=size_bytes, problems=report.problems + newer)


def _names(label: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key.removeprefix(f"{label}.") for key in keys if key.startswith(f"{label}."))
