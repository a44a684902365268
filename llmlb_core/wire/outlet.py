"""The pipeline's way in and out of one request on the wire."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from llmlb_core.contracts.outlet import Headers, Outlet
from llmlb_core.errors import BodyTimeout, BodyTooLarge
from llmlb_core.wire.message import Message

if TYPE_CHECKING:
    from llmlb_core.wire.client import ClientConnection

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


class SocketOutlet(Outlet):
    """Writes HTTP/1.1 straight into the client's transport: a known length as it is, anything else in chunks."""

    def __init__(self, connection: ClientConnection, message: Message) -> None:
        """Answer *message* on *connection*."""
        self._connection = connection
        self._message = message
        self._arrived: asyncio.Future[None] | None = None
        self._head = b""
        self._is_chunked = False
        self._limit = 0
        self.is_ended = False

    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the whole request body."""
        message = self._message
        self._limit = max_bytes
        if (message.length or message.body_bytes) > max_bytes:
            raise _too_large(max_bytes)
        if not message.is_complete:
            if message.expects_continue and not message.body_bytes:
                self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            while not message.is_complete:
                self._arrived = self._connection.loop.create_future()
                try:
                    async with asyncio.timeout(timeout_s):
                        await self._arrived
                except TimeoutError:
                    raise BodyTimeout(
                        f"The request body did not arrive: nothing came for {timeout_s:g} s after {message.body_bytes} bytes. "
                        "Send it again."
                    ) from None
                if message.body_bytes > max_bytes:
                    raise _too_large(max_bytes)
        return message.body()

    def arrived(self) -> None:
        """The connection: a piece of the body came."""
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
        elif self._limit and self._message.body_bytes > self._limit:
            self._message.drop_body()

    def open(self, status: int, headers: Headers) -> None:
        """Keep the head for the first piece of the body, so that both leave in one packet."""
        self.opened, self.status = True, status
        message = self._message
        lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"]
        self._is_chunked = True
        for name, value in headers:
            if name == "content-length":
                self._is_chunked = False
            lines.append(f"{name}: {value}\r\n" if "\n" not in value and "\r" not in value else "")
        if not message.is_complete:
            message.keeps_alive = False  # the rest of its body would be taken for the next request
        if self._is_chunked and message.version == "1.0":
            message.keeps_alive = self._is_chunked = False
        elif self._is_chunked:
            lines.append("transfer-encoding: chunked\r\n")
        if not message.keeps_alive:
            lines.append("connection: close\r\n")
        elif message.version == "1.0":
            lines.append("connection: keep-alive\r\n")
        lines.append(self._connection.date_line())
        self._head = "".join(lines).encode("latin-1", "replace")

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        size = len(data)
        self.bytes_out += size
        transport = self._connection.transport
        head = self._head
        if head:
            self._head = b""
            transport.write(b"%s%x\r\n%s\r\n" % (head, size, data) if self._is_chunked else head + data)
        elif self._is_chunked:
            transport.write(b"%x\r\n%s\r\n" % (size, data))
        else:
            transport.write(data)

    @property
    def is_paused(self) -> bool:
        """Whether the transport's buffer is above its mark."""
        return self._connection.is_write_paused

    async def drained(self) -> None:
        """Wait until the client has read enough."""
        await self._connection.writable()

    def resumed(self) -> None:
        """The connection: the client has read enough."""
        if self.source is not None:
            self.source.resume()

    async def end(self) -> None:
        """Finish the answer."""
        self.is_ended = True
        transport = self._connection.transport
        if self._is_chunked:
            transport.write(self._head + b"0\r\n\r\n")
        elif self._head:
            transport.write(self._head)
        self._head = b""

    def fail(self) -> None:
        """Break the connection."""
        self._connection.transport.abort()


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request body is larger than {max_bytes} bytes, the limit of this route. Send less.")
