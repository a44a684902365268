"""How fast bytes flow between one client and its call, in both directions: back-pressure."""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from typing import TYPE_CHECKING

from llmlb_core.wire.surroundings import Surroundings

if TYPE_CHECKING:
    from llmlb_core.wire.message import Message
    from llmlb_core.wire.outlet import SocketOutlet


class Flow(asyncio.Protocol):
    """A connection's flow control: a client that reads slowly stops its call's answer, a call that is slow stops its client.

    Attributes:
        is_write_paused: Whether the client reads more slowly than we write.
        overdue_at: When the client's silence ends the connection; see ``Sweep``.
    """

    __slots__ = (
        "_around", "_is_read_paused", "_message", "_outlet", "_unread_bytes", "_writable", "is_write_paused", "loop", "overdue_at",
        "transport",
    )  # fmt: skip

    def __init__(self, around: Surroundings, loop: asyncio.AbstractEventLoop) -> None:
        """Let everything flow."""
        self._around = around
        self.loop = loop
        self.transport: asyncio.Transport
        self.overdue_at = math.inf
        self.is_write_paused = self._is_read_paused = False
        self._message: Message | None = None
        self._outlet: SocketOutlet | None = None
        self._writable: asyncio.Future[None] | None = None
        self._unread_bytes = 0

    # --- towards the client

    def pause_writing(self) -> None:
        """The client reads slowly."""
        self.is_write_paused = True
        if self._outlet is not None:
            self._outlet.is_paused = True
        self._unread_bytes = self.transport.get_write_buffer_size()
        self.overdue_at = self.loop.time() + self._around.limits.read_s

    def resume_writing(self) -> None:
        """The client has read."""
        self.is_write_paused = False
        if self.transport.is_closing():
            return
        if self._outlet is not None:
            self.overdue_at = math.inf
            if self._writable is not None and not self._writable.done():
                self._writable.set_result(None)
            self._outlet.is_paused = False
            self._outlet.resumed()
        elif self._message is None:
            self._next()

    async def writable(self) -> None:
        """Return when the client has read enough; cancelled where it leaves."""
        if self.is_write_paused:
            self._writable = self.loop.create_future()
            await self._writable

    # --- from the client

    def pause_reading(self) -> None:
        """Let what the client sends wait with the client."""
        if not self._is_read_paused and not self.transport.is_closing():
            self._is_read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._is_read_paused:
            self._is_read_paused = False
            self.transport.resume_reading()

    # --- between calls

    @abstractmethod
    def _next(self) -> None:
        """Wait for a request, or begin the one that waits; called when the client has read all and nothing runs."""
