"""What the row modules and repositories of plugins import: the only door to Tortoise.

>>> from llmlb_core.storage.rows import Model, fields
>>>
>>> class Note(Model):
...     id = fields.CharField(max_length=36, primary_key=True)
...     text = fields.TextField()
...     created_at = fields.DatetimeField()
...
...     class Meta:
...         table = "my_plugin_notes"

Times are aware and in UTC. There are no foreign keys across apps; keep plain id columns.
Importing this module imports Tortoise: do it in row modules and inside functions, not in a plugin's top module.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen
from tortoise import fields
from tortoise.context import TortoiseContext, require_context
from tortoise.exceptions import BaseORMException, DoesNotExist, IntegrityError
from tortoise.expressions import F, Q
from tortoise.models import Model
from tortoise.transactions import in_transaction

from llmlb_core.storage.connection import bound, client
from llmlb_core.storage.elsewhere import connect_elsewhere, ticket_of

__all__ = [
    "BaseORMException",
    "Database",
    "DoesNotExist",
    "F",
    "IntegrityError",
    "Model",
    "Q",
    "current_database",
    "database_faults",
    "fields",
    "in_transaction",
    "open_database",
    "timestamp",
    "utc_now",
]


@frozen(eq=False)
class Database:
    """The database that a plugin was started with; keep it when work will be done in other tasks, such as a blueprint's.

    Statements raise what ``database_faults()`` names when the database is away.
    """

    _context: TortoiseContext = field(repr=False)

    @contextmanager
    def bound(self) -> Iterator[None]:
        """Make models use this database inside the block."""
        with bound(self._context):
            yield

    @property
    def is_postgres(self) -> bool:
        """Whether it is PostgreSQL, and not SQLite."""
        return client(self._context).capabilities.dialect == "postgres"

    def ticket(self) -> bytes:
        """Return what ``open_database`` needs in a process that the plugin starts.

        It holds the database's password: send it through a pipe or socket, never on a command line, in the environment or a log.
        """
        return ticket_of(self._context)

    async def select(self, statement: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Return the rows of *statement*, which has a ``?`` for each of *values*."""
        return await client(self._context).execute_query_dict(self._numbered(statement), list(values))

    async def execute(self, statement: str, values: Sequence[object] = ()) -> int:
        """Run *statement* and return how many rows it changed."""
        return (await client(self._context).execute_query(self._numbered(statement), list(values)))[0]

    async def execute_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run *statement* for each of *rows*, in one transaction; with SQLite all of it in the driver's thread, *rows* too.

        It goes on to its end where the caller is cancelled: stopped half way, its transaction would stay open for everybody.
        """
        work = client(self._context).execute_many(self._numbered(statement), rows)  # type: ignore[arg-type]  # it only iterates
        await asyncio.shield(asyncio.ensure_future(work))

    def _numbered(self, statement: str) -> str:
        if not self.is_postgres:
            return statement
        numbers = itertools.count(1)
        return re.sub(r"\?", lambda _: f"${next(numbers)}", statement)


def current_database() -> Database:
    """Return the database that models use here; call it in a plugin's lifespan.

    Raises:
        RuntimeError: No storage is open.
    """
    return Database(require_context())


@asynccontextmanager
async def open_database(ticket: bytes) -> AsyncIterator[Database]:
    """Open, in another process, the database whose ``ticket`` it is; for plain SQL, as the server's migrations left the tables.

    Raises:
        DatabaseUnusable: It cannot be opened now.
    """
    async with connect_elsewhere(ticket) as context:
        yield Database(context)


def database_faults() -> tuple[type[BaseException], ...]:
    """Return what statements raise when the database is gone, locked or damaged; for ``except``.

    Cancellation and mistakes in one's own code are not among them.
    """
    driver = sys.modules.get("asyncpg")
    server = (driver.PostgresError, driver.InterfaceError) if driver is not None else ()
    return (BaseORMException, sqlite3.Error, OSError, TimeoutError, *server)


def utc_now() -> datetime:
    """Return this moment, aware, in UTC, in whole seconds: databases round smaller parts differently."""
    return datetime.now(UTC).replace(microsecond=0)


def timestamp(moment: datetime | None) -> float | None:
    """Return *moment* as ``time.time()`` would give it; None stays None."""
    return None if moment is None else moment.timestamp()
