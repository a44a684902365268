"""One client's connection: requests in, one call at a time, everything that is not inference lent to the web plane."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from typing import Protocol

import orjson

from llmlb_core.contracts.dialect import Entry
from llmlb_core.domain.calls import Head
from llmlb_core.pipeline import Pipeline
from llmlb_core.upstream.sweep import Sweep
from llmlb_core.wire.clock import Clock
from llmlb_core.wire.limits import ClientLimits
from llmlb_core.wire.message import HEAD_END, PREFACE, BadMessage, Message
from llmlb_core.wire.outlet import SocketOutlet


class Lender(Protocol):
    """Who serves what is not inference."""

    def lend(self, connection: ClientConnection, data: bytes, *, http2: bool) -> None:
        """Serve the request that *data* begins with, on the connection's own socket; ``come_home`` follows."""
        ...


class Surroundings(Protocol):
    """What all connections of a server share."""

    pipeline: Pipeline
    entries: Mapping[bytes, Entry]
    limits: ClientLimits
    sweep: Sweep
    clock: Clock
    connections: set[ClientConnection]

    @property
    def lender(self) -> Lender:
        """Who serves what is not inference."""
        ...


class ClientConnection(asyncio.Protocol):
    """HTTP/1.1 from one client.

    Attributes:
        overdue_at: When the client's silence ends the connection; see ``Sweep``.
        is_write_paused: Whether the client reads more slowly than we write.
    """

    def __init__(self, around: Surroundings, loop: asyncio.AbstractEventLoop) -> None:
        """Serve one connection."""
        self._around = around
        self.loop = loop
        self.transport: asyncio.Transport
        self.overdue_at = math.inf
        self.is_write_paused = False
        self._peer = ""
        self._held = b""
        self._message: Message | None = None
        self._outlet: SocketOutlet | None = None
        self._call: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._is_read_paused = False

    # --- asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected, or its connection came home."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's transports do not derive from asyncio's
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else ""
        self._around.connections.add(self)
        self._around.sweep.add(self)
        self.overdue_at = self.loop.time() + self._around.limits.keep_alive_s
        ssl_object = transport.get_extra_info("ssl_object")
        if ssl_object is not None and ssl_object.selected_alpn_protocol() == "h2":
            self._lend(b"", http2=True)

    def data_received(self, data: bytes) -> None:
        """Read a request; what follows it waits until it is answered."""
        message = self._message
        if message is None:
            self._begin(self._held + data if self._held else data)
        elif message.is_complete:
            self._hold(data)
        else:
            self._continue(message, data)

    def eof_received(self) -> None:
        """The client has left: closing cancels its call."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the call; nobody is there to read its answer."""
        del exc
        self._forget()
        if self._call is not None:
            self._call.cancel()
        if self._writable is not None and not self._writable.done():
            self._writable.cancel()

    def pause_writing(self) -> None:
        """The client reads slowly."""
        self.is_write_paused = True
        self.overdue_at = self.loop.time() + self._around.limits.read_s

    def resume_writing(self) -> None:
        """The client has read."""
        self.is_write_paused = False
        self.overdue_at = math.inf
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self._outlet is not None:
            self._outlet.resumed()

    def overdue(self) -> None:
        """A head that takes too long is answered; silence between calls and clients that do not read are not."""
        if self._held and self._message is None:
            self._refuse(BadMessage(408, f"The request's head did not arrive within {self._around.limits.head_s:g} s."))
        elif self._message is None:
            self.transport.close()
        else:
            self.transport.abort()

    # --- for the outlet

    async def writable(self) -> None:
        """Return when the client has read enough; cancelled where it leaves."""
        if self.is_write_paused:
            self._writable = self.loop.create_future()
            await self._writable

    def date_line(self) -> str:
        """The ``Date`` header and the end of a head."""
        return self._around.clock.date_line

    def close_when_idle(self) -> None:
        """The server stops: close now, or after the call that runs."""
        if self._message is None:
            self.transport.close()
        else:
            self._message.keeps_alive = False

    # --- requests

    def _begin(self, data: bytes) -> None:
        """Read a head, and what came with it."""
        around = self._around
        end = data.find(HEAD_END)
        if end < 0 or end > around.limits.head_bytes:
            self._wait_for_head(data, is_too_large=end > 0 or len(data) > around.limits.head_bytes)
            return
        end += 4
        if data.startswith(PREFACE[:18]):
            self._lend(data, http2=True)
            return
        message = Message()
        try:
            message.read_head(data[:end])
            entry = around.entries.get(message.url.partition(b"?")[0])
            if entry is None or message.method != "POST" or "upgrade" in message.headers:
                self._lend(data, http2=False)
                return
            rest = data[end:]
            if rest and not message.is_complete:
                rest = message.read_body(rest)
        except BadMessage as problem:
            self._refuse(problem)
            return
        self._held = rest
        self._message = message
        self.overdue_at = math.inf
        self._serve(message, entry)

    def _wait_for_head(self, data: bytes, *, is_too_large: bool) -> None:
        """Keep the beginning of a head until the rest comes."""
        if is_too_large:
            self._refuse(BadMessage(431, f"The request's head is larger than {self._around.limits.head_bytes} bytes."))
            return
        if not self._held:
            data = data.lstrip(b"\r\n")  # RFC 9112 2.2: empty lines before a request are ignored
            self.overdue_at = self.loop.time() + self._around.limits.head_s
        self._held = data
        if len(data) >= 24 and data.startswith(PREFACE[:18]):
            self._lend(data, http2=True)

    def _continue(self, message: Message, data: bytes) -> None:
        try:
            self._held = message.read_body(data)
        except BadMessage as problem:
            if self._call is not None:
                self._call.cancel()
            self._refuse(problem)
            return
        if self._outlet is not None:
            self._outlet.arrived()

    def _hold(self, data: bytes) -> None:
        """A pipelined request waits, within a bound."""
        self._held += data
        if len(self._held) > self._around.limits.pipelined_bytes and not self._is_read_paused:
            self._is_read_paused = True
            self.transport.pause_reading()

    def _serve(self, message: Message, entry: Entry) -> None:
        url = message.url.decode("latin-1")
        path, _, query = url.partition("?")
        head = Head(message.method, path, query, message.headers, self._peer, time.monotonic())
        outlet = self._outlet = SocketOutlet(self, message)
        call = self._call = self.loop.create_task(self._around.pipeline.serve(head, entry, outlet))
        call.add_done_callback(self._served)

    def _served(self, call: asyncio.Task[None]) -> None:
        """The call is over: on to the next, unless the connection is of no more use."""
        outlet, message = self._outlet, self._message
        self._call = self._outlet = self._message = None
        transport = self.transport
        if transport.is_closing():
            if not call.cancelled():
                call.exception()
            return
        if call.cancelled() or call.exception() is not None or outlet is None or not outlet.is_ended:
            transport.abort()
            return
        if message is None or not message.keeps_alive:
            transport.close()
            return
        self.overdue_at = self.loop.time() + self._around.limits.keep_alive_s
        if self._is_read_paused:
            self._is_read_paused = False
            transport.resume_reading()
        if self._held:
            held, self._held = self._held, b""
            self._begin(held)

    def _refuse(self, problem: BadMessage) -> None:
        """Answer what is not a request, and close."""
        error = {"message": problem.reason, "type": "invalid_request_error", "param": None, "code": "bad_request"}
        body = orjson.dumps({"error": error})
        head = (
            f"HTTP/1.1 {problem.status} \r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
        )
        self.transport.write(head.encode() + self.date_line().encode() + body)
        self.transport.close()

    # --- lending

    def _lend(self, data: bytes, *, http2: bool) -> None:
        self._held = b""
        self._forget()
        self._around.lender.lend(self, data, http2=http2)

    def come_home(self, transport: asyncio.Transport, data: bytes) -> None:
        """The connection is ours again; *data* is what was read and not used."""
        transport.set_protocol(self)
        self.connection_made(transport)
        if data:
            self.data_received(data)

    def _forget(self) -> None:
        self._around.connections.discard(self)
        self._around.sweep.discard(self)
        self.overdue_at = math.inf
