"""How servers were, in the database: written in batches, kept for 30 days, bounded (66555000-F14)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from attrs import frozen

from llmlb_core.domain.registration import EndpointStatus, HealthCheck
from llmlb_core.storage.endpoint_rows import HealthCheckRow
from llmlb_core.storage.rows import Database, Q, utc_now

KEEP_DAYS = 30
KEEP_COUNT = 100_000
"""Looks at one server; 30 days of one every 30 seconds are 86,400."""
_STEP = 500
_PAUSE_S = 0.05


@frozen
class NumberedCheck:
    """A look at a server with its number in the history; a larger number is younger."""

    number: int
    check: HealthCheck


@frozen
class HealthStore:
    """Reads and writes health checks. Methods raise what ``database_faults()`` names when the database is away."""

    _database: Database

    async def write(self, checks: Sequence[HealthCheck]) -> None:
        """Keep *checks*, in one transaction."""
        with self._database.bound():
            await HealthCheckRow.bulk_create(
                [
                    HealthCheckRow(
                        endpoint_id=each.endpoint_id,
                        checked_at=each.checked_at,
                        success=each.success,
                        latency_ms=each.latency_ms,
                        error_message=each.error,
                        status_before=each.status_before.value,
                        status_after=each.status_after.value,
                    )
                    for each in checks
                ],
                batch_size=_STEP,
            )

    async def history(self, endpoint_id: str, limit: int, before: int | None = None) -> list[NumberedCheck]:
        """Return up to *limit* checks of a server, youngest first, of those with a smaller number than *before*."""
        wanted = Q(endpoint_id=endpoint_id) if before is None else Q(endpoint_id=endpoint_id, id__lt=before)
        with self._database.bound():
            rows = await HealthCheckRow.filter(wanted).order_by("-id").limit(limit)
        return [NumberedCheck(row.id, _check(row)) for row in rows]

    async def forget(self, endpoint_id: str) -> None:
        """Delete all checks of a server."""
        await self._delete(Q(endpoint_id=endpoint_id))

    async def purge(self, keep_days: float = KEEP_DAYS, keep_count: int = KEEP_COUNT) -> int:
        """Delete what is older than *keep_days*, and of each server all but the youngest *keep_count*; return how many."""
        deleted = await self._delete(Q(checked_at__lt=utc_now() - timedelta(days=keep_days)))
        full = await self._database.select(
            "SELECT endpoint_id FROM endpoint_health_checks GROUP BY endpoint_id HAVING COUNT(*) > ?", (keep_count,)
        )
        for row in full:
            wanted = Q(endpoint_id=row["endpoint_id"])
            with self._database.bound():
                first_too_many = await HealthCheckRow.filter(wanted).order_by("-id").offset(keep_count).first()
            if first_too_many is not None:
                deleted += await self._delete(wanted & Q(id__lte=first_too_many.id))
        return deleted

    async def _delete(self, wanted: Q) -> int:
        """Delete in small steps, between which others get their turn."""
        total = 0
        while True:
            with self._database.bound():
                ids = await HealthCheckRow.filter(wanted).limit(_STEP).values_list("id", flat=True)
                if ids:
                    total += await HealthCheckRow.filter(id__in=ids).delete()
            if len(ids) < _STEP:
                return total
            await asyncio.sleep(_PAUSE_S)


def _check(row: HealthCheckRow) -> HealthCheck:
    return HealthCheck(
        endpoint_id=row.endpoint_id,
        checked_at=row.checked_at,
        success=row.success,
        latency_ms=row.latency_ms,
        error=row.error_message,
        status_before=EndpointStatus(row.status_before),
        status_after=EndpointStatus(row.status_after),
    )
