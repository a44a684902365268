"""Records that are to be written, in memory and bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import ClassVar

from llmlb_core import Observer, Record

BATCH = 500
"""So many are written at once without waiting for the second to end."""

MAX_BATCH = 2000
"""So many at most in one transaction: with a backlog, fewer and larger ones touch each page of an index less often."""


class Journal(Observer):
    """Takes records and keeps them until the writer has brought them into the database.

    Attributes:
        waiting: Oldest first; at most as many as the settings say.
        filled: Set when there is enough for a batch.
    """

    name: ClassVar[str] = "history"

    def __init__(self, max_waiting_rows: int) -> None:
        """Keep at most *max_waiting_rows*."""
        self.waiting: deque[Record] = deque()
        self.filled = asyncio.Event()
        self._max_waiting_rows = max_waiting_rows

    async def observe(self, records: Sequence[Record]) -> None:
        """Keep *records*; what does not fit is lost and counted."""
        room = self._max_waiting_rows - len(self.waiting)
        if room < len(records):
            self.dropped_count += len(records) - room
            records = records[:room]
        self.waiting.extend(records)
        if len(self.waiting) >= BATCH:
            self.filled.set()

    def next_batch(self) -> list[Record]:
        """Return the oldest, which stay here until ``forget``."""
        return list(islice(self.waiting, MAX_BATCH))

    def forget(self, count: int) -> None:
        """Remove the oldest *count*: they are written."""
        for _ in range(count):
            self.waiting.popleft()
        if len(self.waiting) < BATCH:
            self.filled.clear()
