"""The recorder itself: reads what calls said, makes documents of it and writes them. Runs in a process of its own."""

from __future__ import annotations

import asyncio
import sys
import traceback
from contextlib import AsyncExitStack

from llmlb_core.errors import DatabaseUnusable
from llmlb_core.storage.rows import database_faults, open_database
from llmlb_storage_history.bodies.document import documents_of
from llmlb_storage_history.bodies.frames import Begin, Frame, FrameInvalid, Progress, Said, pack_progress, read_frame
from llmlb_storage_history.bodies.table import BodyTable, Row

BATCH = 100
BATCH_BYTES = 4 * 1024 * 1024
GATHER_S = 0.25
"""How long a batch that is not full waits for more."""
FIRST_PAUSE_S = 0.5
LAST_PAUSE_S = 10.0


class Child:
    """One recorder, from its first frame to the server's end of file."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read from and answer to the server."""
        self._reader = reader
        self._writer = writer
        self._next: asyncio.Task[Frame | None] | None = None
        self._is_over = False
        self._stack = AsyncExitStack()
        self._table: BodyTable | None = None

    async def run(self) -> None:
        """Write until the server has nothing more.

        Raises:
            FrameInvalid: What comes is no frame.
        """
        first = await read_frame(self._reader)
        if first is None:
            return
        if not isinstance(first.meta, Begin):
            raise FrameInvalid("the first frame is not the one that begins")
        begin = first.meta
        try:
            while batch := await self._batch():
                rows = [row for row in (self._row(frame, begin) for frame in batch) if row is not None]
                lost_count = len(batch) - len(rows) + await self._write(rows, begin)
                self._tell(Progress(len(batch), lost_count))
        finally:
            await self._stack.aclose()

    async def _batch(self) -> list[Frame]:
        """Return the next calls, at least one; none at the end."""
        batch: list[Frame] = []
        size = 0
        ends_at = float("inf")
        loop = asyncio.get_running_loop()
        while len(batch) < BATCH and size < BATCH_BYTES and not self._is_over:
            if self._next is None:
                self._next = asyncio.create_task(read_frame(self._reader), name="frame")
            # Waited for, not awaited: a frame that is half read must not be lost when the time is over.
            await asyncio.wait({self._next}, timeout=None if not batch else max(0.0, ends_at - loop.time()))
            if not self._next.done():
                break
            frame, self._next = self._next.result(), None
            if frame is None:
                self._is_over = True
            elif isinstance(frame.meta, Said):
                batch.append(frame)
                size += frame.size_bytes
                ends_at = min(ends_at, loop.time() + GATHER_S)
        return batch

    def _row(self, frame: Frame, begin: Begin) -> Row | None:
        said = frame.meta
        assert isinstance(said, Said)
        try:
            request, answer = documents_of(frame, begin.policy)
        except Exception as error:  # noqa: BLE001  # a client wrote it: whatever it makes of our code, the next calls are written
            tell_where(error)
            return None
        return Row(said.id, said.started_at_ms, begin.policy, said.is_request_cut, said.is_answer_cut, request, answer)

    async def _write(self, rows: list[Row], begin: Begin) -> int:
        """Write *rows*, however long the database is away; return how many no database takes."""
        pause_s = FIRST_PAUSE_S
        while rows:
            try:
                table = self._table or await self._open(begin)
                await table.write(rows)
                break
            except _faults():
                if self._table is not None and await self._is_writable(self._table):
                    return await self._one_by_one(self._table, rows)
            await self._close()
            self._tell(Progress(is_database_lost=True))
            if self._writer.is_closing():
                return len(rows)  # the server is gone; nobody will end us
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_PAUSE_S)
        return 0

    async def _one_by_one(self, table: BodyTable, rows: list[Row]) -> int:
        lost_count = 0
        for row in rows:
            try:
                await table.write([row])
            except database_faults() as error:
                lost_count += 1
                tell_where(error)
        return lost_count

    async def _is_writable(self, table: BodyTable) -> bool:
        try:
            await table.probe()
        except database_faults():
            return False
        return True

    async def _open(self, begin: Begin) -> BodyTable:
        database = await self._stack.enter_async_context(open_database(begin.ticket))
        self._table = BodyTable(database, begin.max_kept_bytes)
        return self._table

    async def _close(self) -> None:
        self._table = None
        stack, self._stack = self._stack, AsyncExitStack()
        try:
            await stack.aclose()
        except _faults():
            return  # it is away

    def _tell(self, progress: Progress) -> None:
        self._writer.write(pack_progress(progress))


def _faults() -> tuple[type[BaseException], ...]:
    """What opening and writing raise when the database is away."""
    return (DatabaseUnusable, *database_faults())


def tell_where(error: BaseException) -> None:
    """Print which error rose where; not its message, which may quote what somebody wrote."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {last[0].name}, line {last[0].lineno}" if last else ""
    sys.stderr.write(f"{type(error).__name__}{where}\n")
