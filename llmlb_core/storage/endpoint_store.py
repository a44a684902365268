"""Registered servers in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import attrs

from llmlb_core.domain.registration import Condition, EndpointStatus, Registration
from llmlb_core.domain.remote import RemoteModel
from llmlb_core.errors import Conflict
from llmlb_core.storage.endpoint_columns import (
    MODEL_COLUMNS,
    capabilities_of,
    listed,
    model_row,
    names_of,
    overrides_of,
    remote_model,
    text_of,
)
from llmlb_core.storage.endpoint_rows import EndpointModelRow, EndpointRow, RevisionRow
from llmlb_core.storage.rows import Database, F, IntegrityError, in_transaction

_SUBJECT = "endpoints"
_BATCH = 500
_SELECT_MODELS = (
    f"SELECT {', '.join(MODEL_COLUMNS)} FROM endpoint_models WHERE endpoint_id = ? AND place >= ? ORDER BY place LIMIT ?"  # noqa: S608
)
_INSERT_MODEL = f"INSERT INTO endpoint_models ({', '.join(MODEL_COLUMNS)}) VALUES ({', '.join('?' * len(MODEL_COLUMNS))})"  # noqa: S608


@attrs.frozen
class StoredEndpoint:
    """One server as its rows say.

    Attributes:
        registration: Without its key.
        address: Its URL in one way of writing it; unique.
        sealed_key: Its key, sealed; nothing here can open it.
        listed_at: When it listed its models last; ``EndpointStore.models`` has them.
    """

    registration: Registration
    address: str
    sealed_key: str | None = attrs.field(default=None, repr=False)
    condition: Condition = Condition()
    listed_at: datetime | None = None


@attrs.frozen
class EndpointStore:
    """Reads and changes servers; what operators change moves the revision, which is how other processes hear of it.

    Methods raise what ``database_faults()`` names when the database is away.
    """

    _database: Database

    async def revision(self) -> int:
        """Return the number of changes so far."""
        with self._database.bound():
            row = await RevisionRow.get_or_none(subject=_SUBJECT)
        return 0 if row is None else row.revision

    async def load(self) -> list[StoredEndpoint]:
        """Return all servers, oldest first."""
        with self._database.bound():
            return [_stored(row) for row in await EndpointRow.all().order_by("registered_at", "id")]

    async def models(self, endpoint_id: str) -> tuple[RemoteModel, ...]:
        """Return what a server listed last, in its order; names were checked before they were stored."""
        found: list[RemoteModel] = []
        while True:
            # In pages: ten thousand rows at once would keep the event loop busy for too long.
            rows = await self._database.select(_SELECT_MODELS, (endpoint_id, len(found), _BATCH))
            found += map(remote_model, rows)
            if len(rows) < _BATCH:
                return tuple(found)

    async def add(self, stored: StoredEndpoint) -> None:
        """Keep *stored*.

        Raises:
            Conflict: Its name or its address is taken (66555000-F9, F11).
        """
        said = stored.registration
        async with self._changing():
            await _check_free(said, stored.address)
            await EndpointRow.create(
                id=said.id,
                base_url=said.url,
                address=stored.address,
                registered_at=said.registered_at,
                version=said.version,
                **_said(said, stored.sealed_key),
            )

    async def change(self, stored: StoredEndpoint, version: int) -> bool:
        """Write what an operator said, where it is still at *version*; False when there is no such server.

        Raises:
            Conflict: It was changed meanwhile, or its new name is taken.
        """
        said = stored.registration
        async with self._changing():
            row = await EndpointRow.get_or_none(id=said.id)
            if row is None:
                return False
            await _check_free(said, stored.address)
            members = _said(said, stored.sealed_key)
            if not await EndpointRow.filter(id=said.id, version=version).update(**members, version=version + 1):
                raise Conflict(
                    f"Endpoint '{row.name}' was changed meanwhile: it is at version {row.version}, this change was made for "
                    f"version {version}. Read it again and repeat the change.",
                    code="version_conflict",
                    extras={"version": row.version},
                )
        return True

    async def remove(self, endpoint_id: str) -> bool:
        """Delete a server and its models; False when there is none of this id. Its health history goes with ``forget``."""
        async with self._changing():
            await EndpointModelRow.filter(endpoint_id=endpoint_id).delete()
            return await EndpointRow.filter(id=endpoint_id).delete() > 0

    async def write_models(self, endpoint_id: str, models: Sequence[RemoteModel], listed_at: datetime) -> None:
        """Replace the models of a server (66555000-F22); nothing where it was removed meanwhile."""
        async with self._changing():
            if not await EndpointRow.filter(id=endpoint_id).update(models_listed_at=listed_at):
                return
            await EndpointModelRow.filter(endpoint_id=endpoint_id).delete()
            rows = [model_row(endpoint_id, place, each) for place, each in enumerate(models)]
            if rows:
                await self._database.execute_many(_INSERT_MODEL, rows)

    async def write_kind(self, endpoint_id: str, kind: str) -> None:
        """Write what a server was recognised as, unless its operator named a kind."""
        async with self._changing():
            await EndpointRow.filter(id=endpoint_id, is_kind_fixed=False).update(kind=kind)

    async def write_conditions(self, conditions: Mapping[str, Condition]) -> None:
        """Write how servers are, by id; no revision, for nobody said anything."""
        with self._database.bound():
            async with in_transaction():
                for endpoint_id, seen in conditions.items():
                    await EndpointRow.filter(id=endpoint_id).update(
                        status=seen.status.value,
                        latency_ms=seen.latency_ms,
                        last_seen=seen.last_seen,
                        last_error=seen.last_error,
                        error_count=seen.error_count,
                        checked_at=seen.checked_at,
                        supports_responses_api=seen.supports_responses,
                    )

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        with self._database.bound():
            async with in_transaction():
                # First of all: it takes the write lock, so that what follows sees the newest rows.
                if not await RevisionRow.filter(subject=_SUBJECT).update(revision=F("revision") + 1):
                    await RevisionRow.create(subject=_SUBJECT, revision=1)
                try:
                    yield
                except IntegrityError:
                    # Only where rows were written by hand: every change takes the lock above before it looks.
                    raise Conflict("An endpoint of this name or URL exists; GET /v0/endpoints lists them.") from None


async def _check_free(said: Registration, address: str) -> None:
    named = await EndpointRow.get_or_none(name=said.name)
    if named is not None and named.id != said.id:
        raise name_taken(said.name)
    placed = await EndpointRow.get_or_none(address=address)
    if placed is not None and placed.id != said.id:
        raise url_taken(placed.name)


def name_taken(name: str) -> Conflict:
    """Return the error for a second server of one name (66555000-F11)."""
    return Conflict(f"An endpoint is called '{name}' already; choose another name.", param="name", code="duplicate_name")


def url_taken(name: str) -> Conflict:
    """Return the error for a second server at one address (66555000-F9); *name* has it."""
    return Conflict(
        f"The endpoint '{name}' is at this URL already; change that one, or remove it first.",
        param="base_url",
        code="duplicate_url",
    )


def _said(said: Registration, sealed_key: str | None) -> dict[str, Any]:
    return {
        "name": said.name,
        "api_key_encrypted": sealed_key,
        "kind": said.kind,
        "is_kind_fixed": said.is_kind_fixed,
        "max_in_flight": said.max_in_flight,
        "health_check_interval_secs": said.check_interval_s,
        "inference_timeout_secs": said.inference_timeout_s,
        "notes": said.notes,
        "capabilities": text_of(said.capabilities),
        "overrides": text_of(said.overrides),
        "models": text_of(said.models),
    }


def _stored(row: EndpointRow) -> StoredEndpoint:
    said = Registration(
        id=row.id,
        name=row.name,
        url=row.base_url,
        kind=row.kind,
        is_kind_fixed=row.is_kind_fixed,
        max_in_flight=row.max_in_flight,
        check_interval_s=row.health_check_interval_secs,
        inference_timeout_s=row.inference_timeout_secs,
        notes=row.notes,
        capabilities=capabilities_of(listed(row.capabilities)),
        overrides=overrides_of(row.overrides),
        models=names_of(listed(row.models)),
        registered_at=row.registered_at,
        version=row.version,
    )
    known = row.status in {each.value for each in EndpointStatus}
    seen = Condition(
        status=EndpointStatus(row.status) if known else EndpointStatus.PENDING,
        latency_ms=row.latency_ms,
        last_seen=row.last_seen,
        last_error=row.last_error,
        error_count=row.error_count,
        checked_at=row.checked_at,
        supports_responses=row.supports_responses_api,
    )
    return StoredEndpoint(said, row.address, row.api_key_encrypted, seen, row.models_listed_at)
