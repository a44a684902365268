"""One connection to the fault server: reads requests, knows when its peer leaves, breaks as it is told."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

_LINGER_0 = struct.pack("ii", 1, 0)
"""For ``SO_LINGER``: closing sends RST."""
MOST_HEAD_BYTES = 64 * 1024


class Request:
    """A whole request."""

    def __init__(self, method: str, path: str, body: bytes) -> None:
        """Keep what matters here."""
        self.method = method
        self.path = path
        self.body = body


Answerer = Callable[["Line", Request], Awaitable[None]]


class Line(asyncio.Protocol):
    """Serves one request after another.

    Attributes:
        request_count: Requests so far; more than one = the connection was kept.
        lost: Set when the connection is closed.
        on_left: Called when the peer closes it first.
    """

    def __init__(self, answerer: Answerer, lines: set[Line]) -> None:
        """Give each request to *answerer*; stand in *lines* while connected."""
        self._answerer = answerer
        self._lines = lines
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self.request_count = 0
        self._writable.set()
        self.lost = asyncio.Event()
        self.on_left: Callable[[], None] | None = None

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's do not derive from asyncio's
        self._lines.add(self)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._buffer += data
        if self._task is None:
            self._begin()

    def eof_received(self) -> None:
        """Close: a client that ends its half has left."""
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever answers."""
        del exc
        self._lines.discard(self)
        self._leave()
        self.lost.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """Wait with further bytes."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    # --- what answers call

    async def send(self, *data: bytes) -> None:
        """Write, as fast as the peer reads; nowhere, where it has left."""
        if not self.transport.is_closing():
            self.transport.write(b"".join(data))
            await self._writable.wait()

    async def send_slowly(self, data: bytes) -> None:
        """Write in packets of one byte."""
        for number in range(len(data)):
            await self.send(data[number : number + 1])
            await asyncio.sleep(0)

    def close(self) -> None:
        """Close with FIN, after what was sent."""
        self.on_left = None
        self.transport.close()

    def reset(self) -> None:
        """Close with RST; what the peer has not read yet may be lost."""
        self.on_left = None
        if self.transport.is_closing():
            return
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
        self.transport.abort()

    def cancel(self) -> None:
        """End whatever runs."""
        if self._task is not None:
            self._task.cancel()
        self.on_left = None
        self.transport.abort()

    # --- inside

    def _leave(self) -> None:
        on_left, self.on_left = self.on_left, None
        if on_left is not None:
            on_left()

    def _begin(self) -> None:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            if len(self._buffer) > MOST_HEAD_BYTES:
                self.reset()
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        length = next((line.partition(":")[2] for line in lines if line.lower().startswith("content-length:")), "0")
        if len(rest) < int(length):
            return
        self._buffer = rest[int(length) :]
        self.request_count += 1
        method, path, _ = first.split(" ", 2)
        request = Request(method, path.partition("?")[0], rest[: int(length)])
        self._task = asyncio.get_running_loop().create_task(self._serve(request), name="fault-server")

    async def _serve(self, request: Request) -> None:
        try:
            await self._answerer(self, request)
        finally:
            self._task = None
            self.on_left = None
        if self._buffer and not self.transport.is_closing():
            self._begin()
