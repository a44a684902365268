"""Making one call, as a client on HTTP/1.1 does; other doors have callers of their own."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit


class Seen:
    """What a client has seen of an answer so far.

    Attributes:
        status: 0 before the head.
        headers: Lower-case names.
        is_whole: Whether the answer ended as HTTP says.
        is_late: Whether the deadline passed before it ended.
        seconds: From the request to the end.
        problem: Why there is no whole answer, where it was no clean end.
    """

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.body = bytearray()
        self.is_whole = False
        self.is_late = False
        self.seconds = 0.0
        self.problem = ""
        self.on_news: Callable[[], None] = lambda: None


class Caller(Protocol):
    """A door to the server under test."""

    async def __call__(self, path: str, body: bytes, seen: Seen, leave: asyncio.Event) -> None:
        """Send *body* to *path*; note in *seen* what comes, until it ends or *leave* is set. Never raises for an answer."""


async def make_call(  # noqa: PLR0917  # a client's words, in their order
    caller: Caller, path: str, body: bytes, deadline_s: float, seen: Seen | None = None, leave: asyncio.Event | None = None
) -> Seen:
    """Make one call; it ends after *deadline_s* at the latest, which *seen* then tells."""
    seen, began_at = seen or Seen(), time.monotonic()
    try:
        async with asyncio.timeout(deadline_s):
            await caller(path, body, seen, leave or asyncio.Event())
    except TimeoutError:
        seen.is_late = True
        seen.problem = f"no end within {deadline_s:.1f} s"
    seen.seconds = time.monotonic() - began_at
    return seen


class HttpCaller:
    """Calls a server by HTTP/1.1, a connection a call."""

    def __init__(self, url: str, key: str = "", *, context: ssl.SSLContext | None = None) -> None:
        """Call the server at *url*, with *key* where it wants one."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = (context or ssl.create_default_context()) if parts.scheme == "https" else None
        self._lines = f"host: {parts.netloc}\r\n" + (f"authorization: Bearer {key}\r\n" if key else "")

    async def __call__(self, path: str, body: bytes, seen: Seen, leave: asyncio.Event) -> None:
        """Call; see ``Caller``."""
        await self.request("POST", path, body, seen, leave)

    async def request(self, method: str, path: str, body: bytes, seen: Seen, leave: asyncio.Event) -> None:
        """Send any request; see ``Caller``."""
        reading = asyncio.create_task(self._exchange(method, path, body, seen))
        leaving = asyncio.create_task(leave.wait())
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            seen.problem = f"{type(error).__name__}: {error}"
        finally:
            reading.cancel()
            leaving.cancel()
            await asyncio.gather(reading, leaving, return_exceptions=True)

    async def _exchange(self, method: str, path: str, body: bytes, seen: Seen) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        try:
            head = f"{method} {path} HTTP/1.1\r\n{self._lines}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await _read(reader, seen)
        finally:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader, seen: Seen) -> None:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    seen.headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    seen.status = int(first.split(" ", 2)[1])
    seen.on_news()
    if seen.headers.get("transfer-encoding", "") == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            seen.body += await reader.readexactly(size)
            await reader.readexactly(2)
            seen.on_news()
        await reader.readuntil(b"\r\n")
    elif seen.status == 204:
        pass
    else:
        missing = int(seen.headers.get("content-length", "0"))
        while missing:
            piece = await reader.read(min(missing, 65536))
            if not piece:
                raise asyncio.IncompleteReadError(bytes(seen.body), missing)
            seen.body += piece
            missing -= len(piece)
            seen.on_news()
    seen.is_whole = True
