"""A connected Tortoise context, and how code in any task is bound to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.util import find_spec

from tortoise import context as tortoise_context
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.exceptions import ConfigurationError

from llmlb_core.errors import DatabaseUnusable
from llmlb_core.storage.address import DatabaseAddress
from llmlb_core.storage.apps import Apps
from llmlb_core.storage.faults import explain
from llmlb_core.storage.sqlite_file import BUSY_TIMEOUT_S

CONNECT_TIMEOUT_S = 10.0
_COMMAND_TIMEOUT_S = 60.0
# Migrations of two starting servers wait for one another, so that the second finds the work done.
_MIGRATION_LOCK_S = 30.0


# `with context:` sets this too, but keeps its token on the context itself: not for two tasks at a time. The pin `<2` keeps it.
_current = tortoise_context._current_context  # noqa: SLF001


@contextmanager
def bound(context: TortoiseContext) -> Iterator[None]:
    """Make *context* the one that models in this block use, in whatever task it runs."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def ambient(context: TortoiseContext) -> Iterator[None]:
    """Make *context* the one of this task, of those it starts, and where it is the process's first, of all others too.

    The second storage of a process (a command in a test of a running server) serves only the tasks that opened it.
    """
    before = _current.get()
    _current.set(context)
    # Tortoise forgets it again when the context closes its connections.
    with suppress(ConfigurationError):
        tortoise_context.set_global_context(context)
    try:
        yield
    finally:
        # Not `reset(token)`: a generator may be closed in another task than it was entered in, where the token is not valid.
        if _current.get() is context:
            _current.set(before)


def client(context: TortoiseContext) -> BaseDBAsyncClient:
    """Return the context's only connection, or inside a transaction of this task, that transaction."""
    return context.db()


@asynccontextmanager
async def connect(address: DatabaseAddress, apps: Apps, *, migrating: bool = False) -> AsyncIterator[TortoiseContext]:
    """Connect, and disconnect at the end.

    Args:
        address: The database; a SQLite file was prepared before.
        apps: What to open it with.
        migrating: Without a limit on one statement, and for SQLite without foreign keys, which would delete the rows of other
            tables while a table is remade (https://sqlite.org/lang_altertable.html#otheralter).

    Raises:
        DatabaseUnusable: With the reason in one line.
    """
    if address.engine == "postgres" and find_spec("asyncpg") is None:
        raise DatabaseUnusable("PostgreSQL needs a driver that is not installed: pip install 'llmlb-core[postgres]'.")
    context = TortoiseContext()
    environment = {name: os.environ.get(name) for name in ("USE_TZ", "TIMEZONE")}
    try:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                with bound(context):
                    # Tortoise remembers statements by connection name and table, for the whole process: another engine, or the
                    # older models of a migration, must not share a name with what comes after.
                    name = address.engine + ("_migrating" if migrating else "")
                    connections = {name: _driver(address, migrating=migrating)}
                    await context.init({"connections": connections, "apps": apps.table(name)}, use_tz=True)
                    await client(context).execute_query("SELECT 1")
        except Exception as error:  # noqa: BLE001  # any driver; every error becomes one line
            # `from None`: what a driver raises can hold the URL, and a traceback would show it.
            raise explain(error, address) from None
        finally:
            _restore(environment)
        yield context
    finally:
        # Shielded, so that a cancelled start leaves no thread of the driver behind.
        await asyncio.shield(_close(context))


def _driver(address: DatabaseAddress, *, migrating: bool) -> dict[str, object]:
    if address.engine == "postgres":
        limits: dict[str, object] = {"timeout": CONNECT_TIMEOUT_S}
        if not migrating:
            limits["command_timeout"] = _COMMAND_TIMEOUT_S
        return {"engine": "tortoise.backends.asyncpg", "credentials": {**address.options, **limits}}
    busy_timeout_s = _MIGRATION_LOCK_S if migrating else BUSY_TIMEOUT_S
    pragmas = {
        "busy_timeout": int(busy_timeout_s * 1000),
        "journal_mode": "WAL",
        "synchronous": "NORMAL",
        "foreign_keys": "OFF" if migrating else "ON",
        # A statement of many rows keeps what it may have to undo; by default in a file, which costs as much as the rows.
        "temp_store": "MEMORY",
    }
    return {"engine": "tortoise.backends.sqlite", "credentials": {"file_path": str(address.path), **pragmas}}


async def _close(context: TortoiseContext) -> None:
    with bound(context):
        await context.close_connections()


def _restore(environment: dict[str, str | None]) -> None:
    # Tortoise writes its time zone into the environment, for code older than its contexts; nothing here reads it.
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
