"""How much of one call a worker sends ahead of its reader."""

from __future__ import annotations

import asyncio

from llmlb_core.worker.limits import WINDOW_BYTES


class Window:
    """Bytes sent and not yet paid for; a call whose reader is slow waits here, and the others do not."""

    def __init__(self, limit_bytes: int = WINDOW_BYTES) -> None:
        """Allow *limit_bytes* ahead; one result may go over it."""
        self._left = limit_bytes
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._is_unbounded = False

    async def spend(self, count_bytes: int) -> None:
        """Note that *count_bytes* were sent; returns when more may be."""
        self._left -= count_bytes
        if self._left <= 0 and not self._is_unbounded:
            self._is_open.clear()
        await self._is_open.wait()

    def pay(self, count_bytes: int) -> None:
        """Note that the reader took *count_bytes*."""
        self._left += count_bytes
        if self._left > 0:
            self._is_open.set()

    def open(self) -> None:
        """Wait no more: the call was cancelled."""
        self._is_unbounded = True
        self._is_open.set()
