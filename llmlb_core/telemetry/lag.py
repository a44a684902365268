"""Measures how late the event loop is: what keeps it busy delays every call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from llmlb_core.telemetry.cells import Histogram

EVERY_S = 0.25


@contextmanager
def measured_lag(cell: Histogram, every_s: float = EVERY_S) -> Iterator[None]:
    """Observe in *cell*, four times a second, by how much the running loop is late, inside the block."""
    look = _Look(cell, every_s)
    look.again()
    try:
        yield
    finally:
        look.timer.cancel()


class _Look:
    timer: asyncio.TimerHandle

    def __init__(self, cell: Histogram, every_s: float) -> None:
        self._cell = cell
        self._every_s = every_s
        self._loop = asyncio.get_running_loop()
        self._due_at = 0.0

    def again(self) -> None:
        self._due_at = self._loop.time() + self._every_s
        self.timer = self._loop.call_at(self._due_at, self._observe)

    def _observe(self) -> None:
        self._cell.observe(max(0.0, self._loop.time() - self._due_at))
        self.again()
