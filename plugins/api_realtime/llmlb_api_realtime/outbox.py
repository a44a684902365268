"""Events on their way to the client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from llmlb_api_realtime.problems import POLICY, SessionOver

MAX_UNSENT = 1000
"""Events that wait to be sent; a client that leaves so many unread is no listener."""


class Outbox:
    """The events of one session, in order."""

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send with *send*."""
        self._send = send
        self._unsent: asyncio.Queue[str | None] = asyncio.Queue(MAX_UNSENT)

    def put(self, message: str) -> None:
        """Have *message* sent after those before it.

        Raises:
            SessionOver: The client reads nothing.
        """
        self._put(message)

    def end(self) -> None:
        """Have ``run`` return when all is sent."""
        self._put(None)

    async def run(self) -> None:
        """Send, until ``end``."""
        while (message := await self._unsent.get()) is not None:
            await self._send(message)

    def _put(self, message: str | None) -> None:
        try:
            self._unsent.put_nowait(message)
        except asyncio.QueueFull:
            raise SessionOver(POLICY, "client_reads_nothing") from None
