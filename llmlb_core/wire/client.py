"""One client's connection: requests in, one call at a time, everything that is not inference lent to the web plane."""

from __future__ import annotations

import asyncio
import math
import time

from llmlb_core.contracts.dialect import Entry
from llmlb_core.domain.calls import Head
from llmlb_core.telemetry.log import get_logger
from llmlb_core.wire.clock import Clock
from llmlb_core.wire.flaws import BadMessage, flaw_of_beginning, origin_form
from llmlb_core.wire.flow import Flow
from llmlb_core.wire.limits import ClientLimits
from llmlb_core.wire.linger import Linger
from llmlb_core.wire.message import Message
from llmlb_core.wire.outlet import SocketOutlet
from llmlb_core.wire.refusal import refusal
from llmlb_core.wire.surroundings import Surroundings

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
HEAD_END = b"\r\n\r\n"

_log = get_logger("wire")


class ClientConnection(Flow):
    """HTTP/1.1 from one client.

    Between calls there is no message. While one is served there are a message, an outlet and a call; when it was answered before
    all of its body came, only the message, until the rest has come and is forgotten.

    Attributes:
        call: The task that serves the current call.
    """

    __slots__ = ("_held", "_is_used", "_peer", "call")

    def __init__(self, around: Surroundings, loop: asyncio.AbstractEventLoop) -> None:
        """Serve one connection."""
        super().__init__(around, loop)
        self.call: asyncio.Task[None] | None = None
        self._peer = ""
        self._held = b""
        self._is_used = False

    # --- asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected, or its connection came home."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's transports do not derive from asyncio's
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else ""
        around = self._around
        around.connections.add(self)
        around.sweep.add(self)
        self.overdue_at = self.loop.time() + around.limits.keep_alive_s
        ssl_object = transport.get_extra_info("ssl_object")
        if around.is_stopping:
            transport.close()
        elif ssl_object is not None and ssl_object.selected_alpn_protocol() == "h2":
            self._lend(b"", http2=True)

    def data_received(self, data: bytes) -> None:
        """Read a request; what follows it waits until it is answered."""
        message = self._message
        if message is None:
            held = self._held
            if self.is_write_paused:
                self._hold(data)
            elif held:
                self._begin(held + data, max(0, len(held) - 3))
            else:
                self._begin(data)
        elif message.is_complete:
            self._hold(data)
        else:
            self._continue(message, data)

    def eof_received(self) -> None:
        """The client has left, whatever it still reads: its call ends now, what was written is still sent."""
        self.overdue_at = self.loop.time() + self._around.limits.read_s
        if self.call is not None:
            self.call.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the call; nobody is there to read its answer."""
        del exc
        self._forget()
        outlet = self._outlet
        if outlet is not None and outlet.source is not None:
            outlet.source.abort()  # now, not when the task is told: uvloop's transports raise when they are written to after this
        self.is_write_paused = True
        if outlet is not None:
            outlet.is_paused = True
        if self.call is not None:
            self.call.cancel()
        if self._writable is not None:
            self._writable.cancel()

    def overdue(self) -> None:
        """A head or body that takes too long is answered; silence between calls and clients that do not read are not."""
        transport = self.transport
        if self.is_write_paused:
            unread_bytes = transport.get_write_buffer_size()
            if unread_bytes >= self._unread_bytes:
                transport.abort()
            self._unread_bytes = unread_bytes  # it reads, if slowly
            self.overdue_at = self.loop.time() + self._around.limits.read_s
        elif transport.is_closing():
            transport.abort()
        elif self._outlet is not None:
            self._outlet.body_overdue()
        elif self._message is None and self._held:
            self._refuse(BadMessage(408, f"The request's head did not arrive within {self._around.limits.head_s:g} s."))
        else:
            self._close()

    # --- for the outlet

    @property
    def limits(self) -> ClientLimits:
        """What this client may cost."""
        return self._around.limits

    @property
    def clock(self) -> Clock:
        """What knows the ``Date`` header."""
        return self._around.clock

    def close_when_idle(self) -> None:
        """The server stops: close now, or after the call that runs."""
        if self._message is not None and self._outlet is not None:
            self._message.keeps_alive = False
        elif not self.transport.is_closing():
            self._close()

    # --- requests

    def _begin(self, data: bytes, searched: int = 0) -> None:
        """Read a head, and what came with it; its end was looked for in so many bytes of *data* before."""
        around = self._around
        if data[0] <= 13:
            data, searched = data.lstrip(b"\r\n"), 0  # RFC 9112 2.2: empty lines before a request are ignored
        end = data.find(HEAD_END, searched)
        if end < 0 or end > around.limits.head_bytes:
            self._wait_for_head(data)
            return
        end += 4
        if not self._is_used:
            if data.startswith(PREFACE):
                self._lend(data, http2=True)
                return
            self._is_used = True
        try:
            head, length = around.heads.read(data[:end])
            entry = head.entry
            if entry is None:
                url = head.url
                if not url.startswith(b"/") and b"://" in url:
                    self._begin(data.replace(url, origin_form(url, head.headers.get("host", "")), 1))
                else:
                    self._lend(data, http2=False)
                return
        except BadMessage as problem:
            self._refuse(problem)
            return
        message = self._message = Message(head, length)
        rest = data[end:]
        if rest and not message.is_complete:
            rest = message.read_body(rest)
        self._held = rest
        self.overdue_at = math.inf
        outlet = self._outlet = SocketOutlet(self, message)
        asked = Head(head.method, head.path, head.query, head.headers, self._peer, time.monotonic())
        self.call = outlet.task = self.loop.create_task(self._serve(asked, entry, outlet))

    async def _serve(self, head: Head, entry: Entry, outlet: SocketOutlet) -> None:
        """Serve one call, then go on: a callback for when the task is done would cost a turn of the loop."""
        is_whole = False
        try:
            await self._around.pipeline.serve(head, entry, outlet)
            is_whole = outlet.is_ended
        except asyncio.CancelledError:
            pass  # the client left, or the server stops: nobody waits for this task to say so
        except Exception:  # noqa: BLE001  # a defect of ours; it ends this connection and no other
            _log.exception("call_raised", call=head.id)
        self._served(is_whole=is_whole)

    def _wait_for_head(self, data: bytes) -> None:
        """Keep the beginning of a head until the rest comes, unless it can be none."""
        flaw = flaw_of_beginning(data, self._around.limits.head_bytes)
        if flaw is not None:
            self._refuse(flaw)
            return
        if data and not self._held:
            self.overdue_at = self.loop.time() + self._around.limits.head_s
        self._held = data

    def _continue(self, message: Message, data: bytes) -> None:
        self._held = message.read_body(data)
        if self._outlet is not None:
            self._outlet.arrived()
        elif message.is_complete:
            self._next()

    def _hold(self, data: bytes) -> None:
        """A pipelined request waits, within a bound."""
        self._held += data
        if len(self._held) > self._around.limits.pipelined_bytes:
            self.pause_reading()

    def _served(self, *, is_whole: bool) -> None:
        """The call is over: on to the next, unless the connection is of no more use."""
        message = self._message
        self.call = self._outlet = None
        transport = self.transport
        if transport.is_closing():
            self._message = None
        elif not is_whole or message is None:
            transport.abort()
        elif not message.keeps_alive:
            self._close()
        elif message.is_complete:
            self._next()
        else:
            message.drop_body()
            self.resume_reading()
            self.overdue_at = self.loop.time() + self._around.limits.linger_s

    def _next(self) -> None:
        """Wait for a request, or begin the one that waits."""
        self._message = None
        if self._around.is_stopping:
            self._close()
            return
        self.overdue_at = self.loop.time() + (
            self._around.limits.read_s if self.is_write_paused else self._around.limits.keep_alive_s
        )
        held = self._held
        if held and not self.is_write_paused:
            self._held = b""
            self._begin(held)
        if self._is_read_paused and len(self._held) <= self._around.limits.pipelined_bytes:
            self.resume_reading()

    # --- the ends

    def _refuse(self, problem: BadMessage) -> None:
        """Answer what is not a request, and close."""
        self._held = b" "  # there may be more of it
        self.transport.write(refusal(problem.status, problem.reason, self._around.clock.date_line()))
        self._close()

    def _close(self) -> None:
        """End the connection so that its client can read all that was written."""
        message, held = self._message, self._held
        self._message, self._held = None, b""
        if held or self._is_read_paused or (message is not None and not message.is_complete):
            self._is_read_paused = False
            self._forget()
            Linger(self.transport, self._around, self.loop.time())
        else:
            self.overdue_at = self.loop.time() + self._around.limits.read_s
            self.transport.close()

    def _lend(self, data: bytes, *, http2: bool) -> None:
        self._held = b""
        self._is_read_paused = False  # who borrows it reads
        self._forget()
        self._around.lender.lend(self, data, http2=http2)

    def come_home(self, transport: asyncio.Transport, data: bytes) -> None:
        """The connection is ours again; *data* is what was read and not used."""
        transport.set_protocol(self)
        self.connection_made(transport)
        if data and not transport.is_closing():
            self.data_received(data)

    def _forget(self) -> None:
        self._around.connections.discard(self)
        self._around.sweep.discard(self)
        self.overdue_at = math.inf
