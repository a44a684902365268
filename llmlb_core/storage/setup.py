"""Opens the database for a server or a command: prepared, migrated, connected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from attrs import define, field
from tortoise.context import TortoiseContext

from llmlb_core.contracts.storage import StorageApp
from llmlb_core.errors import LLMLBError, PluginBroken
from llmlb_core.settings.sections import Settings
from llmlb_core.storage import sqlite_file
from llmlb_core.storage.address import DatabaseAddress
from llmlb_core.storage.apps import Apps, import_apps
from llmlb_core.storage.connection import ambient, bound, connect
from llmlb_core.storage.faults import explain
from llmlb_core.storage.migrations import Upgrade, upgrade

P = ParamSpec("P")
T = TypeVar("T")


@define(eq=False)
class Storage:
    """An open database.

    Attributes:
        address: Where it is; ``address.shown`` is for messages.
        apps: What it was opened with.
        broken: Label and reason of every app that was left out because its modules cannot be imported.
        upgrade: The migrations that this opening applied, and the backup made before.
    """

    address: DatabaseAddress
    apps: tuple[StorageApp, ...]
    broken: tuple[tuple[str, PluginBroken], ...]
    upgrade: Upgrade
    _context: TortoiseContext = field(repr=False)
    _stack: AsyncExitStack = field(repr=False)

    @contextmanager
    def bound(self) -> Iterator[None]:
        """Make models use this database inside the block, in any task; for tasks that did not inherit it."""
        with bound(self._context):
            yield

    async def close(self) -> None:
        """Disconnect; a second call does nothing."""
        await self._stack.aclose()


@asynccontextmanager
async def open_storage(settings: Settings, apps: Sequence[StorageApp]) -> AsyncIterator[Storage]:
    """Open the database that *settings* name, migrated to what *apps* want, and close it at the end.

    Inside, models work in this task and in those it starts. The first storage of a process is also what models use in tasks that
    were started elsewhere, such as a web server's.

    Raises:
        DatabaseUnusable: It cannot be opened, is damaged, is newer, or a migration failed; the message says which.
        DataDirUnusable: Its directory cannot be made or written.
    """
    address = DatabaseAddress.of(settings)
    imported = import_apps(apps)
    if address.path is not None:
        await _in_thread(address, sqlite_file.prepare, address.path)
    upgraded = await _migrate(address, imported)
    async with AsyncExitStack() as stack:
        context = await stack.enter_async_context(connect(address, imported))
        stack.enter_context(ambient(context))
        storage = Storage(address, imported.usable, imported.broken, upgraded, context, stack)
        yield storage
        await storage.close()


async def _migrate(address: DatabaseAddress, apps: Apps) -> Upgrade:
    if not apps.usable:
        return Upgrade()
    guard = _Guard(address)
    try:
        async with connect(address, apps, migrating=True) as context:
            return await upgrade(context, address, apps, guard.back_up)
    except LLMLBError:
        await guard.put_back()
        raise


@define
class _Guard:
    """The copy made before migrating, and what it takes to notice that it is needed."""

    address: DatabaseAddress
    backup: Path | None = None
    before: tuple[tuple[str, str], ...] = ()

    async def back_up(self) -> Path | None:
        path = self.address.path
        if path is None or not await _in_thread(self.address, sqlite_file.has_tables, path):
            return None
        self.before = await _in_thread(self.address, sqlite_file.fingerprint, path)
        self.backup = await _in_thread(self.address, sqlite_file.back_up, path)
        return self.backup

    async def put_back(self) -> None:
        # The transaction brought everything back, unless a migration committed by itself (`executescript` does).
        path = self.address.path
        if path is None or self.backup is None:
            return
        if await _in_thread(self.address, sqlite_file.fingerprint, path) != self.before:
            await _in_thread(self.address, sqlite_file.put_back, self.backup, path)


async def _in_thread(address: DatabaseAddress, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(call, *arguments, **named)
    except Exception as error:  # noqa: BLE001  # SQLite and the file system; every one becomes one line
        raise explain(error, address) from None
