"""Changes of something that others wait for."""

from __future__ import annotations

import asyncio


class Changes:
    """Wakes whoever waits for the next change; one that came before is not waited for."""

    def __init__(self) -> None:
        """Begin with none."""
        self._next = asyncio.Event()

    def happen(self) -> None:
        """Something changed."""
        happened, self._next = self._next, asyncio.Event()
        happened.set()

    async def next(self, within_s: float) -> bool:
        """Wait for the next change; return whether it came within *within_s*."""
        try:
            async with asyncio.timeout(within_s):
                await self._next.wait()
        except TimeoutError:
            return False
        return True
