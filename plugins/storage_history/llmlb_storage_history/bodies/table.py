"""The table of bodies: written by the recorder, read by the server's pages, bounded in bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen

from llmlb_core.storage.rows import Database

TABLE = "storage_history_bodies"
_COLUMNS = "id, started_at, size_bytes, policy, is_request_cut, is_answer_cut, request_body, answer_body"
_INSERT = f"INSERT INTO {TABLE} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"  # noqa: S608
_ONE = f"SELECT policy, is_request_cut, is_answer_cut, request_body, answer_body FROM {TABLE} WHERE id = ?"  # noqa: S608
_SIZE = f"SELECT coalesce(sum(size_bytes), 0) AS total FROM {TABLE}"  # noqa: S608
_OLDEST = f"SELECT id, size_bytes FROM {TABLE} ORDER BY started_at, id LIMIT ?"  # noqa: S608
_DELETE = f"DELETE FROM {TABLE} WHERE id = ?"  # noqa: S608
STEP = 20
"""So many rows are deleted at once: each may have megabytes."""


@frozen
class Row:
    """What one call said, as it is written."""

    id: str
    started_at_ms: int
    policy: str
    is_request_cut: bool
    is_answer_cut: bool
    request_body: str
    answer_body: str

    @property
    def size_bytes(self) -> int:
        """Of both documents, as databases keep them."""
        return len(self.request_body.encode()) + len(self.answer_body.encode())

    @property
    def values(self) -> tuple[object, ...]:
        """In the order of the table's columns."""
        cuts = (self.is_request_cut, self.is_answer_cut)
        return (self.id, self.started_at_ms, self.size_bytes, self.policy, *cuts, self.request_body, self.answer_body)


@define
class BodyTable:
    """The table, as its only writer sees it: it knows the size without asking, and takes the oldest out above the bound."""

    database: Database
    max_kept_bytes: int
    _kept_bytes: int | None = field(default=None, init=False)

    async def write(self, rows: Sequence[Row]) -> None:
        """Write *rows* in one transaction; those that are there already stay."""
        await self.database.execute_many(_INSERT, [row.values for row in rows])
        if self._kept_bytes is None:
            self._kept_bytes = int((await self.database.select(_SIZE))[0]["total"])
        else:
            self._kept_bytes += sum(row.size_bytes for row in rows)
        if self._kept_bytes > self.max_kept_bytes:
            await self._shrink()

    async def probe(self) -> None:
        """Write nothing, as if it were a row; raises where the database takes no rows at all."""
        await self.database.execute_many(_DELETE, [("",)])

    async def _shrink(self) -> None:
        """Delete the oldest. Counted anew first: the server takes out what grew too old."""
        kept_bytes = int((await self.database.select(_SIZE))[0]["total"])
        while kept_bytes > self.max_kept_bytes:
            gone: list[tuple[object, ...]] = []
            for row in await self.database.select(_OLDEST, (STEP,)):
                if kept_bytes <= self.max_kept_bytes:
                    break
                gone.append((row["id"],))
                kept_bytes -= row["size_bytes"]
            if not gone:
                break
            await self.database.execute_many(_DELETE, gone)
        self._kept_bytes = kept_bytes


async def find_bodies(database: Database, request_id: str) -> dict[str, Any] | None:
    """Return what one call said; None where nothing is kept of it."""
    rows = await database.select(_ONE, (request_id,))
    return rows[0] if rows else None
