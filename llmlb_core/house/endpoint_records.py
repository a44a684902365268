"""What is seen of registered servers, on its way to the database: kept for a moment, written in batches, never waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TypeVar

from llmlb_core.domain.registration import Condition, HealthCheck
from llmlb_core.domain.remote import RemoteModel
from llmlb_core.storage.endpoint_store import EndpointStore
from llmlb_core.storage.health_store import HealthStore
from llmlb_core.storage.rows import database_faults
from llmlb_core.telemetry.log import get_logger

FLUSH_S = 5.0
PURGE_S = 3600.0
MAX_CHECKS = 10_000
"""Kept while the database is away; the oldest go first."""
_DEADLINE_S = 10.0

T = TypeVar("T")
_log = get_logger("endpoints")


class EndpointRecords:
    """Health checks, conditions, kinds and models that are to be written. At most one of each per server, but for checks."""

    def __init__(self, store: EndpointStore, health: HealthStore) -> None:
        """Write to *store* and *health*."""
        self._store = store
        self._health = health
        self._checks: deque[HealthCheck] = deque(maxlen=MAX_CHECKS)
        self._conditions: dict[str, Condition] = {}
        self._kinds: dict[str, str] = {}
        self._models: dict[str, tuple[tuple[RemoteModel, ...], datetime]] = {}
        self._lock = asyncio.Lock()
        self._is_lost = False

    def put_check(self, check: HealthCheck) -> None:
        """Keep a look at a server."""
        self._checks.append(check)

    def put_condition(self, endpoint_id: str, condition: Condition) -> None:
        """Keep how a server is; what was kept before of it is old."""
        self._conditions[endpoint_id] = condition

    def put_kind(self, endpoint_id: str, kind: str) -> None:
        """Keep what a server was recognised as."""
        self._kinds[endpoint_id] = kind

    def put_models(self, endpoint_id: str, models: tuple[RemoteModel, ...], listed_at: datetime) -> None:
        """Keep what a server lists."""
        self._models[endpoint_id] = models, listed_at

    async def forget(self, endpoint_id: str) -> None:
        """Drop everything of a server that was removed, in the database too."""
        async with self._lock:
            for kept in (self._conditions, self._kinds, self._models):
                kept.pop(endpoint_id, None)
            others = [check for check in self._checks if check.endpoint_id != endpoint_id]
            self._checks.clear()
            self._checks.extend(others)
            await self._health.forget(endpoint_id)

    async def flush(self) -> None:
        """Write everything now.

        Raises:
            Exception: What ``database_faults()`` names; what was not written is kept for the next time.
        """
        async with self._lock:
            checks = list(self._checks)
            if checks:
                await self._health.write(checks)
                written = {id(check) for check in checks}
                left = [check for check in self._checks if id(check) not in written]
                self._checks.clear()
                self._checks.extend(left)
            conditions = dict(self._conditions)
            if conditions:
                await self._store.write_conditions(conditions)
                _drop(self._conditions, conditions)
            for endpoint_id, kind in list(self._kinds.items()):
                await self._store.write_kind(endpoint_id, kind)
                _drop(self._kinds, {endpoint_id: kind})
            for endpoint_id, listing in list(self._models.items()):
                await self._store.write_models(endpoint_id, *listing)
                _drop(self._models, {endpoint_id: listing})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write every few seconds inside the block, take old checks out every hour, and write what is left at the end."""
        tasks = (
            asyncio.create_task(self._write(), name="endpoint records"),
            asyncio.create_task(self._purge(), name="endpoint health retention"),
        )
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.try_flush()

    async def try_flush(self) -> None:
        """Write everything now, or say once that it cannot be."""
        try:
            async with asyncio.timeout(_DEADLINE_S):
                await self.flush()
        except Exception as error:  # noqa: BLE001  # drivers raise more than they document, and health goes on without a database
            if not self._is_lost:
                self._is_lost = True
                _log.error("endpoint_records_not_written", error=type(error).__name__, kept=len(self._checks))
        else:
            if self._is_lost:
                self._is_lost = False
                _log.info("endpoint_records_written_again")

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.try_flush()

    async def _purge(self) -> None:
        while True:
            with suppress(*database_faults()):
                deleted = await self._health.purge()
                if deleted:
                    _log.info("health_checks_purged", rows=deleted)
            await asyncio.sleep(PURGE_S)


def _drop(kept: dict[str, T], written: dict[str, T]) -> None:
    """Take out what was written, unless something newer came meanwhile."""
    for key, value in written.items():
        if kept.get(key) is value:
            del kept[key]
