"""The calls that run now, and how they end when the server stops."""

from __future__ import annotations

import asyncio

from llmlb_core.errors import ShuttingDown
from llmlb_core.stages.deadline import Deadline


class Running:
    """Counts calls; lets them finish when the server stops, up to a limit."""

    def __init__(self) -> None:
        """Begin open and empty."""
        self._deadlines: set[Deadline] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_draining = False

    @property
    def count(self) -> int:
        """Calls that run now."""
        return len(self._deadlines)

    def check(self) -> None:
        """Raise ``ShuttingDown`` where no new calls are taken."""
        if self._is_draining:
            raise ShuttingDown("This server is stopping and takes no new calls; try again in a moment.", retry_after_s=5)

    def enter(self, deadline: Deadline) -> None:
        """A call began."""
        self._deadlines.add(deadline)
        self._idle.clear()

    def leave(self, deadline: Deadline) -> None:
        """A call ended."""
        self._deadlines.discard(deadline)
        if not self._deadlines:
            self._idle.set()

    async def drain(self, timeout_s: float) -> None:
        """Take no new calls, wait for the running ones, then end those that are left with an error in their own dialect."""
        self._is_draining = True
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
