"""The keys in the database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import attrs

from llmlb_auth_apikey.keys import Key, known_scopes
from llmlb_auth_apikey.rows import ApiKeyRow, RevisionRow
from llmlb_core import Scope
from llmlb_core.storage.rows import Database, F, in_transaction

_ALL: frozenset[Scope] = frozenset({"api", "endpoints", "admin"})
_REVISION_ID = 1
_BATCH = 500
_PAGE = 100
_COLUMNS = (
    *("id", "key_hash", "name", "scopes", "models", "created_by", "created_at", "expires_at", "last_used_at"),
    *("requests_per_minute", "tokens_per_minute"),
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM {ApiKeyRow.Meta.table}"  # noqa: S608  # names of our own
_USED = f"UPDATE {ApiKeyRow.Meta.table} SET last_used_at = ? WHERE id = ?"  # noqa: S608  # as above


@attrs.frozen
class KeyStore:
    """Reads and changes keys; every change moves the revision, which is how other processes hear of it.

    Methods raise what ``database_faults()`` names when the database is away.
    """

    _database: Database

    async def revision(self) -> int:
        """Return the number of changes so far."""
        with self._database.bound():
            row = await RevisionRow.get_or_none(id=_REVISION_ID)
        return 0 if row is None else row.revision

    async def load(self) -> list[Key]:
        """Return all keys, oldest first."""
        return [key async for page in self.pages() for key in page]

    async def pages(self) -> AsyncIterator[list[Key]]:
        """Yield all keys, oldest first, a few at a time, so that ten thousand of them never keep the event loop to themselves.

        Plain SQL, for a model's instance costs ten times as much as the key. Keys that are added meanwhile may be missed; the
        revision tells of them.
        """
        where, values = "", list[object]()
        while True:
            rows = await self._database.select(f"{_SELECT}{where} ORDER BY created_at, id LIMIT {_PAGE}", values)
            if rows:
                yield [_key(row) for row in rows]
            if len(rows) < _PAGE:
                return
            # A walk along the index by_time: no page sorts, or reads what an earlier one has read.
            where, values = " WHERE (created_at, id) > (?, ?)", [rows[-1]["created_at"], rows[-1]["id"]]

    async def find(self, key_id: str) -> Key | None:
        """Return the key of this id."""
        rows = await self._database.select(f"{_SELECT} WHERE id = ?", (key_id,))
        return _key(rows[0]) if rows else None

    async def add(self, key: Key) -> None:
        """Keep *key*."""
        async with self._changing():
            await ApiKeyRow.create(
                id=key.id,
                key_hash=key.hash,
                name=key.name,
                scopes=json.dumps(sorted(key.scopes)),
                models=None if key.models is None else json.dumps(sorted(key.models)),
                created_by=key.created_by,
                created_at=key.created_at,
                expires_at=key.expires_at,
                requests_per_minute=key.requests_per_minute,
                tokens_per_minute=key.tokens_per_minute,
            )

    async def change(self, key: Key) -> bool:
        """Write the name, end and limits of *key*; False when there is none of its id."""
        async with self._changing():
            changed_count = await ApiKeyRow.filter(id=key.id).update(
                name=key.name,
                expires_at=key.expires_at,
                requests_per_minute=key.requests_per_minute,
                tokens_per_minute=key.tokens_per_minute,
            )
            return changed_count > 0

    async def remove(self, key_id: str) -> bool:
        """Delete a key; False when there is none of this id."""
        async with self._changing():
            return await ApiKeyRow.filter(id=key_id).delete() > 0

    async def write_uses(self, used_at_by_id: Mapping[str, float]) -> None:
        """Write when keys were last used, in batches; no revision, for nothing changes what a key may."""
        entries = list(used_at_by_id.items())
        for start in range(0, len(entries), _BATCH):
            # A generator: with SQLite the driver's thread makes the values, not the loop.
            batch = ((self._storable(used_at), key_id) for key_id, used_at in entries[start : start + _BATCH])
            await self._database.execute_many(_USED, batch)

    def _storable(self, used_at: float) -> datetime | str:
        moment = datetime.fromtimestamp(int(used_at), UTC)
        return moment if self._database.is_postgres else str(moment)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        with self._database.bound():
            async with in_transaction():
                # First of all: it takes the write lock, so that what follows sees the newest rows.
                if not await RevisionRow.filter(id=_REVISION_ID).update(revision=F("revision") + 1):
                    await RevisionRow.create(id=_REVISION_ID, revision=1)
                yield


def make_key(
    hash_: str,
    *,
    name: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None,
    now: datetime,
    models: frozenset[str] | None = None,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    created_by: str | None = None,
) -> Key:
    """Return a new key with an id of its own."""
    return Key(
        id=str(uuid4()),
        name=name,
        hash=hash_,
        scopes=scopes,
        created_at=now,
        expires_at=expires_at,
        created_by=created_by,
        models=models,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
    )


def _key(row: Mapping[str, Any]) -> Key:
    models, scopes = row["models"], row["scopes"]
    return Key(
        id=row["id"],
        name=row["name"],
        hash=row["key_hash"],
        scopes=_ALL if scopes is None else known_scopes(_list(scopes)),
        created_at=_moment(row["created_at"]),
        expires_at=None if row["expires_at"] is None else _moment(row["expires_at"]),
        created_by=row["created_by"],
        models=None if models is None else frozenset(str(name) for name in _list(models)),
        requests_per_minute=row["requests_per_minute"],
        tokens_per_minute=row["tokens_per_minute"],
        last_used_at=None if row["last_used_at"] is None else _moment(row["last_used_at"]),
    )


def _moment(value: datetime | str) -> datetime:
    """Return a time of a row: SQLite keeps text, PostgreSQL times."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _list(text: str) -> list[object]:
    # What cannot be read grants nothing (7c0a37e0-F15).
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return value if isinstance(value, list) else []
