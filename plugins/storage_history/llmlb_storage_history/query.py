"""Finds calls again: newest first, by page or from a cursor on, never by reading more of the table than it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from llmlb_core.storage.rows import Database
from llmlb_storage_history.bodies.table import find_bodies
from llmlb_storage_history.columns import COLUMNS, TABLE

MAX_COUNTED = 10_000
"""Pages and totals end here: to count ten million rows would take seconds. Cursors go on."""

_PAGE = f"SELECT {', '.join(COLUMNS)} FROM {TABLE}{{where}} ORDER BY started_at DESC, id DESC LIMIT ? OFFSET ?"  # noqa: S608
_COUNT = f"SELECT count(*) AS count FROM (SELECT 1 FROM {TABLE}{{where}} LIMIT ?) AS found"  # noqa: S608
_ONE = f"SELECT {', '.join(COLUMNS)} FROM {TABLE} WHERE id = ?"  # noqa: S608


@frozen
class Cursor:
    """The row after which a page begins."""

    started_at_ms: int
    id: str


@frozen
class Filter:
    """Which calls; None = all. Times are milliseconds since 1970, *since* included, *until* not."""

    model: str | None = None
    principal: str | None = None
    status: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def where(self, after: Cursor | None = None) -> tuple[str, tuple[object, ...]]:
        """Return the condition in SQL, empty for all, and its values."""
        parts: list[tuple[str, tuple[object, ...]]] = []
        if self.model is not None:
            parts.append(("model = ?", (self.model,)))
        if self.principal is not None:
            parts.append(("principal = ?", (self.principal,)))
        if self.status is not None:
            parts.append(("status = ?", (self.status,)))
            if self.status != 200:
                # What the index of rare statuses says of itself: SQLite uses it only where the question says so too.
                parts.append(("status <> 200", ()))
        if self.since_ms is not None:
            parts.append(("started_at >= ?", (self.since_ms,)))
        if self.until_ms is not None:
            parts.append(("started_at < ?", (self.until_ms,)))
        if after is not None:
            parts.append(("(started_at, id) < (?, ?)", (after.started_at_ms, after.id)))
        if not parts:
            return "", ()
        conditions = " AND ".join(condition for condition, _ in parts)
        return f" WHERE {conditions}", tuple(value for _, values in parts for value in values)


@frozen
class Page:
    """Some rows, and whether there are more."""

    rows: Sequence[dict[str, Any]]
    has_more: bool


@frozen
class History:
    """What was written of calls."""

    _database: Database

    async def page(self, wanted: Filter, per_page: int, *, skip: int = 0, after: Cursor | None = None) -> Page:
        """Return *per_page* rows, newest first, without the first *skip* or from *after* on."""
        where, values = wanted.where(after)
        rows = await self._database.select(_PAGE.format(where=where), (*values, per_page + 1, skip))
        return Page(rows[:per_page], len(rows) > per_page)

    async def count(self, wanted: Filter) -> int:
        """Return how many rows there are, up to ``MAX_COUNTED`` + 1."""
        where, values = wanted.where()
        rows = await self._database.select(_COUNT.format(where=where), (*values, MAX_COUNTED + 1))
        return int(rows[0]["count"])

    async def find(self, request_id: str) -> dict[str, Any] | None:
        """Return one row."""
        rows = await self._database.select(_ONE, (request_id,))
        return rows[0] if rows else None

    async def find_bodies(self, request_id: str) -> dict[str, Any] | None:
        """Return what one call said; None where nothing is kept of it."""
        return await find_bodies(self._database, request_id)
