"""The end of a connection whose client may still be sending: closing at once would destroy the answer on its way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmlb_core.wire.surroundings import Surroundings


class Linger(asyncio.Protocol):
    """Ends our half, and reads what comes without looking at it until the client ends its own or time is up.

    A socket that is closed with something unread sends a reset, and that makes many clients forget what they have not read yet.
    """

    __slots__ = ("_around", "overdue_at", "transport")

    def __init__(self, transport: asyncio.Transport, around: Surroundings, now: float) -> None:
        """Take over a transport to which everything was written."""
        self._around = around
        self.transport = transport
        self.overdue_at = now + around.limits.linger_s
        around.connections.add(self)
        around.sweep.add(self)
        transport.set_protocol(self)
        if transport.can_write_eof():
            transport.write_eof()
        if not transport.is_reading():
            transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        del exc
        self._around.connections.discard(self)
        self._around.sweep.discard(self)

    def overdue(self) -> None:
        """The client had its time."""
        self.transport.abort()

    def close_when_idle(self) -> None:
        """The server stops: nothing to do, what lingers ends soon."""
