"""The pipeline's way in and out under any ASGI server."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from llmlb_core.contracts.outlet import Headers, Outlet
from llmlb_core.errors import BodyTimeout, BodyTooLarge

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]  # servers type their own messages
Send = Callable[[Any], Awaitable[None]]

HIGH_WATER_BYTES = 64 * 1024
READ_TIMEOUT_S = 60.0
"""A client that reads nothing for so long has left."""
MAX_DRAINED_BYTES = 32 * 1024 * 1024
DRAIN_TIMEOUT_S = 5.0


class AsgiOutlet(Outlet):
    """One request of an ASGI server.

    ``write`` is sync, ASGI's ``send`` is not: what is written waits in a bounded buffer that ``pump`` sends.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        """Wrap the two callables of one request."""
        self._receive = receive
        self._send = send
        self._buffer: deque[Message] = deque()
        self._buffered_bytes = 0
        self._wake = asyncio.Event()
        self._below_mark = asyncio.Event()
        self._below_mark.set()
        self._body_read = asyncio.Event()
        self._body_bytes = 0
        self._is_closed = False

    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the whole request body."""
        pieces: list[bytes] = []
        while piece := await self.piece(max_bytes, timeout_s):
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def piece(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the next piece of the request body."""
        while not self._body_read.is_set():
            try:
                message = await asyncio.wait_for(self._receive(), timeout_s)
            except TimeoutError:
                raise BodyTimeout(
                    f"The request body did not arrive: nothing came for {timeout_s:g} s after {self._body_bytes} bytes. "
                    "Send it again."
                ) from None
            if message["type"] == "http.disconnect":
                raise asyncio.CancelledError
            piece: bytes = message.get("body", b"")
            self._body_bytes += len(piece)
            if not message.get("more_body", False):
                self._body_read.set()
            if self._body_bytes > max_bytes:
                raise BodyTooLarge(f"The request body is larger than {max_bytes} bytes, the limit of this route. Send less.")
            if piece:
                return piece
        return b""

    def open(self, status: int, headers: Headers, length: int | None = None) -> None:
        """Send the head."""
        self.opened, self.status = True, status
        encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        if length is not None:
            encoded.append((b"content-length", b"%d" % length))
        self._put({"type": "http.response.start", "status": status, "headers": encoded})

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        self.bytes_out += len(data)
        self._buffered_bytes += len(data)
        if self._buffered_bytes > HIGH_WATER_BYTES:
            self.is_paused = True
            self._below_mark.clear()
        self._put({"type": "http.response.body", "body": data, "more_body": True})

    async def drained(self) -> None:
        """Wait until the client has read enough."""
        try:
            await asyncio.wait_for(self._below_mark.wait(), READ_TIMEOUT_S)
        except TimeoutError:
            self.fail()
            raise asyncio.CancelledError from None

    def end(self) -> None:
        """Finish the answer."""
        self._put({"type": "http.response.body", "body": b"", "more_body": False})
        self._is_closed = True

    def fail(self) -> None:
        """Break the connection by ending the application without ending the answer."""
        self._buffer.clear()
        self._is_closed = True
        self._wake.set()

    async def left(self) -> None:
        """Return when the client has left. ASGI's one ``receive`` is the body's first: this waits until it is read."""
        await self._body_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def pump(self) -> None:
        """Send what is written, in order, until the answer is ended or has failed."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._buffer:
                message = self._buffer.popleft()
                if message["type"] == "http.response.start":
                    await self._swallow_body()
                await self._send(message)
                self._buffered_bytes -= len(message.get("body", b""))
                if self._buffered_bytes <= HIGH_WATER_BYTES // 2 and self.is_paused:
                    self.is_paused = False
                    self._below_mark.set()
                    if self.source is not None:
                        self.source.resume()
            if self._is_closed:
                return

    async def _swallow_body(self) -> None:
        """Read what is left of the body before an early answer: Hypercorn 0.18 ends a whole HTTP/2 connection otherwise."""
        size = 0
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                while not self._body_read.is_set() and size < MAX_DRAINED_BYTES:
                    message = await self._receive()
                    size += len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        self._body_read.set()
        except TimeoutError:
            return

    def _put(self, message: Message) -> None:
        if not self._is_closed:
            self._buffer.append(message)
            self._wake.set()
