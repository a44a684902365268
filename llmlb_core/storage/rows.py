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

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from attrs import field, frozen
from tortoise import fields
from tortoise.context import TortoiseContext, require_context
from tortoise.exceptions import BaseORMException, DoesNotExist, IntegrityError
from tortoise.expressions import F, Q
from tortoise.models import Model
from tortoise.transactions import in_transaction

from llmlb_core.storage.connection import bound

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
    "timestamp",
    "utc_now",
]


@frozen(eq=False)
class Database:
    """The database that a plugin was started with; keep it when work will be done in other tasks, such as a blueprint's."""

    _context: TortoiseContext = field(repr=False)

    @contextmanager
    def bound(self) -> Iterator[None]:
        """Make models use this database inside the block."""
        with bound(self._context):
            yield


def current_database() -> Database:
    """Return the database that models use here; call it in a plugin's lifespan.

    Raises:
        RuntimeError: No storage is open.
    """
    return Database(require_context())


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
