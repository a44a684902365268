"""Brings the journal into the database, in the background, whatever happens to the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import chain

from llmlb_core import Record, get_logger
from llmlb_core.storage.rows import Database, database_faults
from llmlb_storage_history.columns import insert_of, values_of
from llmlb_storage_history.journal import Journal

FLUSH_S = 1.0
MAX_PAUSE_S = 10.0
CLOSE_S = 5.0
STATEMENT_ROWS = (100, 10, 1)
"""Rows per statement for SQLite. Its thread gives the interpreter away at each statement, and under a loop that is busy has to
wait up to the switch interval (5 ms) to get it back: a statement a row would write 200 rows a second."""

_log = get_logger("storage_history")


class Writer:
    """Writes once a second or when 500 rows wait, each batch one transaction; pauses longer while the database is away."""

    def __init__(self, journal: Journal, database: Database, *, flush_s: float = FLUSH_S) -> None:
        """Write *journal* into *database*."""
        self._journal = journal
        self._database = database
        self._flush_s = flush_s
        self._pause_s = flush_s
        self._is_lost = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write inside the block; at its end write what is left, for at most five seconds."""
        task = asyncio.create_task(self._follow(), name="storage_history writer")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self.flush()
            if self._journal.waiting:
                _log.error("history_lost", rows=len(self._journal.waiting))

    async def flush(self) -> bool:
        """Write all that waits; return whether the database took it."""
        while batch := self._journal.next_batch():
            try:
                await self._write(batch)
            except database_faults() as error:
                if not self._is_lost:
                    self._is_lost = True
                    _log.error("history_database_lost", error=type(error).__name__)
                return False
            except Exception:  # noqa: BLE001  # whatever a value can raise on its way; the next batch must not wait for it
                # Not the database: a value that no row can hold. Without this batch the next ones can be written.
                self._journal.dropped_count += len(batch)
                _log.exception("history_batch_refused", rows=len(batch))
            self._journal.forget(len(batch))
        if self._is_lost:
            self._is_lost = False
            _log.info("history_database_back")
        return True

    async def _write(self, batch: list[Record]) -> None:
        offset_s = time.time() - time.monotonic()
        begin = 0
        for size in (1,) if self._database.is_postgres else STATEMENT_ROWS:
            count = (len(batch) - begin) // size
            if count:
                end = begin + count * size
                # A generator: with SQLite the driver's thread makes the values, not the loop.
                values = (
                    tuple(chain.from_iterable(values_of(record, offset_s) for record in batch[at : at + size]))
                    for at in range(begin, end, size)
                )
                await self._database.execute_many(insert_of(size), values)
                begin = end

    async def _follow(self) -> None:
        while True:
            # A lost database is asked by time only: the journal is full then, and would have it asked at once.
            enough = asyncio.sleep(self._pause_s) if self._is_lost else self._journal.filled.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(enough, self._pause_s)
            if await self.flush():
                self._pause_s = self._flush_s
            else:
                self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)
