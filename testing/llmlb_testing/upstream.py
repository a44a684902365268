"""A server whose every byte a test decides: real sockets, scripted answers, delays that wait for events.

```python
async def answer(visit: Visit) -> None:
    visit.send(sse_head(), event("a"))
    await go_on.wait()
    visit.reset()


async with FakeUpstream.open(answer) as upstream:
    ...  # register upstream.url as an endpoint, call it
    assert b"POST /v1/chat/completions" in upstream.visits[0].head
```
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, field

from llmlb_testing.messages import DONE, END_MARK, chunk, completion, delta, finish, plain, sse_head

__all__ = ["DONE", "END_MARK", "FakeUpstream", "Script", "Visit", "chunk", "completion", "delta", "finish", "plain", "sse_head"]

DEADLINE_S = 10.0
_LINGER_0 = struct.pack("ii", 1, 0)
"""For ``SO_LINGER``: closing sends RST."""


@define(eq=False)
class Visit:
    """One request, and the way to answer it.

    Attributes:
        head: Of the request, as it came, up to and with the empty line.
        body: Of the request; grows while it arrives.
        connection: The number of the connection it came on, from 0.
    """

    head: bytes
    body: bytearray
    connection: int
    _line: _Line

    @property
    def path(self) -> str:
        """The target of the request line."""
        return self.head.split(b" ", 2)[1].decode()

    @property
    def headers(self) -> dict[str, str]:
        """Lower-case names."""
        lines = self.head.decode("latin-1").split("\r\n")[1:-2]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(bytes(self.body))

    def send(self, *data: bytes) -> None:
        """Write *data* at once; nowhere, where the connection is closed."""
        if not self._line.transport.is_closing():
            self._line.transport.write(b"".join(data))

    async def send_slowly(self, data: bytes) -> None:
        """Write *data* in packets of one byte."""
        for number in range(len(data)):
            self.send(data[number : number + 1])
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def drained(self) -> None:
        """Return when the other side has read most of what was sent, or has left."""
        await self._line.writable.wait()

    @property
    def is_paused(self) -> bool:
        """Whether the other side does not read."""
        return not self._line.writable.is_set()

    async def whole_body(self) -> bytes:
        """Return the whole body, for visits that begin before it is there."""
        async with asyncio.timeout(DEADLINE_S):
            await self._line.body_whole.wait()
        return bytes(self.body)

    def end(self) -> None:
        """Close as one should, after what was sent."""
        self._line.transport.close()

    def reset(self) -> None:
        """Close with RST; what was not read yet by the other side may be lost."""
        self._line.reset()

    @property
    def is_gone(self) -> bool:
        """Whether the connection is closed."""
        return self._line.lost.is_set()

    async def gone(self) -> None:
        """Return when the other side has closed the connection."""
        async with asyncio.timeout(DEADLINE_S):
            await self._line.lost.wait()


Script = Callable[[Visit], Awaitable[None]]


class _Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, upstream: FakeUpstream) -> None:
        self.upstream = upstream
        self.number = 0
        self.buffer = b""
        self.missing = 0
        self.visit: Visit | None = None
        self.task: asyncio.Task[None] | None = None
        self.writable, self.body_whole, self.lost = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's do not derive from asyncio's
        self.number = len(self.upstream.lines)
        self.upstream.lines.append(self)  # not before: a TLS handshake may fail
        self.upstream.changed.set()

    def data_received(self, data: bytes) -> None:
        if self.visit is not None:
            data = self._take(data)
        self.buffer += data
        if self.task is None:
            self._begin()

    def _begin(self) -> None:
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        visit = self.visit = Visit(head + separator, bytearray(), self.number, self)
        self.missing = int(visit.headers.get("content-length", 0))
        self.body_whole.clear()
        self.buffer = self._take(rest)
        if self.body_whole.is_set() or self.upstream.is_early:
            self._serve()

    def _take(self, data: bytes) -> bytes:
        assert self.visit is not None
        mine, rest = data[: self.missing], data[self.missing :]
        self.visit.body += mine
        self.missing -= len(mine)
        if not self.missing and not self.body_whole.is_set():
            self.body_whole.set()
            if self.task is None and not self.upstream.is_early and self.visit.head:
                self._serve()
        return rest

    def _serve(self) -> None:
        assert self.visit is not None
        if self.task is None:
            self.upstream.visits.append(self.visit)
            self.upstream.changed.set()
            self.task = asyncio.get_running_loop().create_task(self.upstream.script(self.visit))  # type: ignore[arg-type]
            self.task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self.task = None
        if not task.cancelled() and task.exception() is not None:
            self.upstream.faults.append(task.exception())  # type: ignore[arg-type]
        if self.body_whole.is_set():
            self.visit = None
            if self.buffer and not self.transport.is_closing():
                self._begin()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.lost.set()
        self.writable.set()
        self.upstream.changed.set()

    def reset(self) -> None:
        if self.transport.is_closing():
            return
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
        self.transport.abort()


@define(eq=False)
class FakeUpstream:
    """A listening server.

    Attributes:
        script: Called for each request, once its body is there; may be replaced between calls.
        url: Where it listens.
        visits: Requests, in the order in which they came.
        is_early: Whether the script begins at the request's head already.
        faults: What scripts raised, which the end of the test raises again.
    """

    script: Script
    url: str = ""
    visits: list[Visit] = field(factory=list)
    is_early: bool = False
    faults: list[BaseException] = field(factory=list)
    lines: list[_Line] = field(factory=list)
    changed: asyncio.Event = field(factory=asyncio.Event)
    _server: asyncio.Server | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", name: str = ""
    ) -> AsyncIterator[FakeUpstream]:
        """Listen on a free port of *host*; close everything at the end.

        Args:
            script: Answers each request.
            tls: Speak HTTPS.
            host: Address to listen on.
            name: The host of ``url``, where that is another.
        """
        upstream = cls(script)
        server = upstream._server = await asyncio.get_running_loop().create_server(lambda: _Line(upstream), host, 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        shown = name or (f"[{host}]" if ":" in host else host)
        upstream.url = f"{'https' if tls else 'http'}://{shown}:{port}"
        try:
            yield upstream
        finally:
            await upstream.close()
        if upstream.faults:
            raise upstream.faults[0]

    @property
    def open_count(self) -> int:
        """Connections that are open."""
        return sum(not line.lost.is_set() for line in self.lines)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when *condition* holds; looked at when connections or requests come and go."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def visited(self, count: int = 1) -> Visit:
        """Return the latest request when there were *count*."""
        await self.until(lambda: len(self.visits) >= count)
        return self.visits[count - 1]

    def close_idle(self) -> None:
        """Close the connections that no script uses, as servers do after a while."""
        for line in self.lines:
            if line.task is None:
                line.transport.close()

    async def stop_listening(self) -> None:
        """Accept no more connections: the next one is refused."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def close(self) -> None:
        """End everything."""
        await self.stop_listening()
        for line in self.lines:
            if line.task is not None:
                line.task.cancel()
            line.transport.abort()
        for line in self.lines:
            await line.lost.wait()
