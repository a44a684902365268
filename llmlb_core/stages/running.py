"""The calls that run now, and how they end when the server stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from llmlb_core.errors import ShuttingDown
from llmlb_core.stages.deadline import Deadline

WATCH_S = 0.5
"""How often deadlines are looked at."""


class Running:
    """Counts calls; lets them finish when the server stops, up to a limit.

    Attributes:
        is_draining: Whether no new calls are taken.
    """

    def __init__(self, on_drain: Callable[[], None] = lambda: None) -> None:
        """Begin open and empty; *on_drain* is told when the server begins to stop."""
        self._on_drain = on_drain
        self._deadlines: set[Deadline] = set()
        self._idle: asyncio.Event | None = None
        self._watch: asyncio.TimerHandle | None = None
        self.is_draining = False

    @property
    def count(self) -> int:
        """Calls that run now."""
        return len(self._deadlines)

    def check(self) -> None:
        """Raise ``ShuttingDown`` where no new calls are taken."""
        if self.is_draining:
            raise ShuttingDown("This server is stopping and takes no new calls; try again in a moment.", retry_after_s=5)

    def enter(self, deadline: Deadline) -> None:
        """A call began."""
        self._deadlines.add(deadline)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(WATCH_S, self._look)

    def leave(self, deadline: Deadline) -> None:
        """A call ended."""
        self._deadlines.discard(deadline)
        if self._idle is not None and not self._deadlines:
            self._idle.set()

    async def drain(self, timeout_s: float) -> None:
        """Take no new calls, wait for the running ones, then end those that are left with an error in their own dialect."""
        self.is_draining = True
        self._on_drain()
        self._idle = asyncio.Event()
        if not self._deadlines:
            return
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            for deadline in list(self._deadlines):
                deadline.end(
                    ShuttingDown("This server stopped before the answer was complete; send the request again.", retry_after_s=5)
                )
            try:
                await asyncio.wait_for(self._idle.wait(), 5)
            except TimeoutError:
                return

    def _look(self) -> None:
        """End the calls whose time has come."""
        now = time.monotonic()
        for deadline in [deadline for deadline in self._deadlines if deadline.at <= now]:
            deadline.pass_by()
        self._watch = asyncio.get_running_loop().call_later(WATCH_S, self._look) if self._deadlines else None
