"""From the schema that a database has to the one that the installed plugins want, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.graph import MigrationKey
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.transactions import in_transaction

from llmlb_core.errors import DatabaseUnusable
from llmlb_core.storage.address import DatabaseAddress
from llmlb_core.storage.apps import Apps
from llmlb_core.storage.connection import bound, client
from llmlb_core.storage.faults import explain

_TABLE = "tortoise_migrations"
# Any constant will do, as long as every llmlb takes the same one.
_POSTGRES_LOCK = 0x6C6C6D6C62
_CREATE = {
    "sqlite": "id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, app VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, "
    "applied_at TIMESTAMP NOT NULL, UNIQUE (app, name)",
    "postgres": "id SERIAL NOT NULL PRIMARY KEY, app VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, "
    "applied_at TIMESTAMPTZ NOT NULL, UNIQUE (app, name)",
}


@frozen
class MigrationState:
    """What a database has and lacks, as ``app.name``.

    Attributes:
        applied: In order of application, those of the opened apps.
        pending: In the order in which they will be applied.
        newer: Applied, but not known to the installed plugins.
    """

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    newer: tuple[str, ...]


@frozen
class Upgrade:
    """What one start changed.

    Attributes:
        applied: Migrations applied now, as ``app.name``.
        backup: The copy made before, where there was something to copy.
    """

    applied: tuple[str, ...] = ()
    backup: Path | None = None


class _Recorder(MigrationRecorder):
    """Tortoise's own, but the table is made beforehand and errors are not taken for "nothing applied"."""

    async def ensure_schema(self, schema_editor: Any) -> None:
        """Do nothing: Tortoise would use ``executescript``, which commits the transaction that everything runs in."""

    async def applied_migrations(self) -> list[MigrationKey]:
        return await _applied(self.connection)


@define
class _Progress:
    current: str = ""
    done: list[str] = field(factory=list)

    def __call__(self, event: str, app: str, name: str) -> None:
        self.current = f"{app}.{name}"
        if event == "apply_done":
            self.done.append(self.current)


async def read_state(context: TortoiseContext, apps: Apps) -> MigrationState:
    """Compare what is applied with what the plugins bring; changes nothing."""
    with bound(context):
        executor = _executor(client(context), apps)
        applied = await _applied(client(context))
        steps = await executor.plan(targets=None)
    known = set(executor.loader.graph.nodes)
    labels = {app.label for app in apps.usable}
    return MigrationState(
        applied=tuple(str(key) for key in applied if key.app_label in labels),
        pending=tuple(f"{step.migration.app_label}.{step.migration.name}" for step in steps if not step.backward),
        newer=tuple(str(key) for key in applied if key.app_label in labels and key not in known),
    )


def refuse_newer(state: MigrationState, address: DatabaseAddress) -> None:
    """Raise where a newer program left its mark.

    Raises:
        DatabaseUnusable: With the names and what to do.
    """
    if state.newer:
        raise DatabaseUnusable(
            f"The database at {address.shown} was made by a newer version: it has {', '.join(state.newer)}, which the installed "
            "plugins do not know. Install the newer version again, or go back to a backup from before."
        )


async def upgrade(
    context: TortoiseContext, address: DatabaseAddress, apps: Apps, back_up: Callable[[], Awaitable[Path | None]]
) -> Upgrade:
    """Apply everything that is pending in one transaction; other starting servers wait meanwhile.

    Args:
        context: Connected with ``migrating=True``.
        address: For messages.
        apps: Whose migrations.
        back_up: Called inside the lock, once it is certain that something will be applied.

    Raises:
        DatabaseUnusable: A migration failed, and nothing is changed; or the database is newer.
    """
    state = await read_state(context, apps)
    refuse_newer(state, address)
    if not state.pending:
        return Upgrade()
    progress = _Progress()
    backup: Path | None = None
    with bound(context):
        try:
            async with in_transaction(context.default_connection) as transaction:
                await _lock(transaction, address)
                await transaction.execute_query(f"CREATE TABLE IF NOT EXISTS {_TABLE} ({_CREATE[address.engine]})")
                state = await read_state(context, apps)
                refuse_newer(state, address)
                if state.pending:
                    backup = await back_up()
                    await _executor(transaction, apps).migrate(direction="forward", progress=progress)
                    await _check_references(transaction, address)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not progress.current:
                raise explain(error, address, "be migrated") from None
            reason = address.clean(str(error) or type(error).__name__).rstrip(".")
            raise DatabaseUnusable(
                f"The migration {progress.current} failed ({type(error).__name__}: {reason}). "
                f"The database at {address.shown} is as it was before. Install the version that ran last, or report this "
                "to the plugin's author."
            ) from error
    return Upgrade(tuple(progress.done), backup)


async def _lock(transaction: Any, address: DatabaseAddress) -> None:
    if address.engine == "postgres":
        await transaction.execute_query(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})")
        return
    # Tortoise's BEGIN takes no lock, and a transaction that read first cannot wait for a writer: it would fail instead.
    await transaction.execute_query("COMMIT")
    await transaction.execute_query("BEGIN IMMEDIATE")


async def _check_references(transaction: Any, address: DatabaseAddress) -> None:
    if address.engine == "sqlite":
        rows = await transaction.execute_query_dict("PRAGMA foreign_key_check")
        if rows:
            raise DatabaseUnusable(f"{len(rows)} rows of {rows[0]['table']} would refer to rows that are gone")


def _executor(connection: Any, apps: Apps) -> MigrationExecutor:
    executor = MigrationExecutor(connection, apps.table(connection.connection_name))
    executor.recorder = _Recorder(connection)
    executor.loader.recorder = executor.recorder
    # What a plugin marks as not atomic would leave half a schema behind when it fails; here it is atomic all the same.
    load_disk = executor.loader.load_disk

    def load_atomic() -> None:
        load_disk()
        for migration in executor.loader.disk_migrations.values():
            migration.atomic = True

    executor.loader.load_disk = load_atomic  # type: ignore[method-assign]  # Tortoise has no hook for it
    return executor


async def _applied(connection: BaseDBAsyncClient) -> list[MigrationKey]:
    if connection.capabilities.dialect == "sqlite":
        query = f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{_TABLE}'"  # noqa: S608  # constants
    else:
        query = f"SELECT 1 WHERE to_regclass('{_TABLE}') IS NOT NULL"
    if not await connection.execute_query_dict(query):
        return []
    rows: Sequence[dict[str, Any]] = await connection.execute_query_dict(f"SELECT app, name FROM {_TABLE} ORDER BY id")  # noqa: S608
    return [MigrationKey(app_label=row["app"], name=row["name"]) for row in rows]
