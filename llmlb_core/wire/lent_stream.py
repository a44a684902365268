"""The two ends of a lent connection: what Hypercorn reads from and writes to while the wire has lent it a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

READ_LIMIT_BYTES = 64 * 1024
"""The transport is paused when so much waits to be read."""
YIELD_BYTES = 256 * 1024
"""A writer whose peer keeps up lets other tasks run after so much: a transport that is never full never waits."""
WRITE_TIMEOUT_S = 60.0
"""A client that reads nothing for so long has left."""


class LentStream(asyncio.Protocol):
    """Reader, writer and protocol of one transport, for as long as it is lent.

    The standard library's streams are not used: a ``StreamWriter`` closes its transport when it is collected, and a
    ``StreamReader`` has no public way to give back what it has not handed out.
    """

    def __init__(self, transport: asyncio.Transport, data: bytes, on_lost: Callable[[], None]) -> None:
        """Take *transport* over from its protocol.

        Args:
            transport: Open; its protocol is told ``connection_lost`` should the connection end while it is lent.
            data: What was received already, handed out first.
            on_lost: Called once, when the connection ends while it is lent.
        """
        self.transport = transport
        self.is_eof = False
        self._lender = cast("asyncio.Protocol", transport.get_protocol())
        self._on_lost = on_lost
        self._buffer = bytearray(data)
        self._is_discarding = False
        self._is_reading_paused = False
        self._unyielded_bytes = 0
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._over = asyncio.Event()
        # What the lender was told is not to be asked, but a buffer above its limit says that it was told to pause.
        if transport.get_write_buffer_size() <= transport.get_write_buffer_limits()[1]:
            self._writable.set()
        transport.set_protocol(self)
        if not transport.is_reading():
            transport.resume_reading()

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        return self._over.is_set()

    @property
    def is_closing(self) -> bool:
        """Whether the connection has ended, or is about to."""
        return self._over.is_set() or self.transport.is_closing()

    @property
    def is_writing_paused(self) -> bool:
        """Whether the transport asked not to be written to."""
        return not self._writable.is_set()

    # --- what the transport calls

    def data_received(self, data: bytes) -> None:
        """Keep *data* for ``read``."""
        if self._is_discarding:
            return
        self._buffer += data
        self._readable.set()
        if len(self._buffer) > READ_LIMIT_BYTES and not self._is_reading_paused:
            self._is_reading_paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """Go on writing to a client that only ended its own half; TLS cannot."""
        self.is_eof = True
        self._readable.set()
        return self.transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """Let ``drain`` wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let ``drain`` go on."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake everybody who waits, and tell the lender."""
        self.is_eof = True
        for event in (self._over, self._readable, self._writable):
            event.set()
        self._on_lost()
        self._lender.connection_lost(exc)

    # --- what the borrower calls

    async def read(self) -> bytes:
        """Return what has been received, at least a byte; nothing at the end."""
        while not self._buffer:
            if self.is_eof:
                return b""
            self._readable.clear()
            await self._readable.wait()
        return self.take()

    def take(self) -> bytes:
        """Return what has been received and not been read, without waiting."""
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._is_reading_paused:
            self._is_reading_paused = False
            if not self.is_closing:
                self.transport.resume_reading()
        return data

    def discard(self) -> None:
        """Read on, and forget what comes."""
        self._is_discarding = True
        self.take()

    def write(self, data: bytes) -> None:
        """Send *data*; what is written to a connection that has ended is forgotten."""
        if not self._over.is_set():
            self._unyielded_bytes += len(data)
            self.transport.write(data)

    async def drain(self) -> None:
        """Wait until the transport takes more.

        Raises:
            ConnectionResetError: The connection has ended, or its client reads nothing.
        """
        if self._over.is_set() or self._unyielded_bytes > YIELD_BYTES:
            self._unyielded_bytes = 0
            await asyncio.sleep(0)  # who writes in a loop, to nobody or to somebody fast, must not keep the event loop
        waiting_bytes = self.transport.get_write_buffer_size()
        while not self._writable.is_set():
            try:
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await self._writable.wait()
            except TimeoutError:
                if self.transport.get_write_buffer_size() >= waiting_bytes:
                    self.transport.abort()
                waiting_bytes = self.transport.get_write_buffer_size()
        if self._over.is_set():
            raise ConnectionResetError("the connection has ended")

    def write_eof(self) -> None:
        """End our half, where the transport has halves."""
        if not self.is_closing and self.transport.can_write_eof():
            self.transport.write_eof()

    def close(self) -> None:
        """Close after what was written is sent."""
        self.transport.close()

    async def wait_eof(self, timeout_s: float) -> None:
        """Wait until the client ends its half, for at most *timeout_s*."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.is_eof:
                    self._readable.clear()
                    await self._readable.wait()
        except TimeoutError:
            return

    async def wait_closed(self) -> None:
        """Wait until everything is sent after ``close``; a client that does not read is cut off."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._over.wait()
        except TimeoutError:
            self.transport.abort()
