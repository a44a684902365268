"""Takes old rows out, in small steps between which others get their turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from llmlb_core import get_logger
from llmlb_core.storage.rows import Database, database_faults
from llmlb_storage_history.bodies.table import STEP as BODY_STEP
from llmlb_storage_history.bodies.table import TABLE as BODY_TABLE
from llmlb_storage_history.columns import TABLE

EVERY_S = 3600.0
STEP = 500
PAUSE_S = 0.05
_STEPS = ((TABLE, STEP), (BODY_TABLE, BODY_STEP))
_DELETE = "DELETE FROM {0} WHERE id IN (SELECT id FROM {0} WHERE started_at < ? ORDER BY started_at, id LIMIT ?)"
_log = get_logger("storage_history")


@asynccontextmanager
async def cleaning(database: Database, days: float, *, every_s: float = EVERY_S) -> AsyncIterator[None]:
    """Delete rows older than *days* inside the block: at once, and every *every_s*."""
    task = asyncio.create_task(_follow(database, days, every_s), name="storage_history retention")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def clean(database: Database, before_ms: int) -> int:
    """Delete every call that began before *before_ms*, and what it said; return how many rows there were. No row is read."""
    total = 0
    for table, step in _STEPS:
        while True:
            deleted = await database.execute(_DELETE.format(table), (before_ms, step))
            total += deleted
            if deleted < step:
                break
            await asyncio.sleep(PAUSE_S)
    return total


async def _follow(database: Database, days: float, every_s: float) -> None:
    while True:
        try:
            deleted = await clean(database, int((time.time() - days * 86400) * 1000))
        except database_faults() as error:
            _log.warning("history_not_cleaned", error=type(error).__name__)
        else:
            if deleted:
                _log.info("history_cleaned", rows=deleted)
        await asyncio.sleep(every_s)
