"""One connection to a server: bytes in, parsed by httptools, told to the exchange that uses it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    from llmlb_core.errors import CallError
    from llmlb_core.upstream.exchange import Exchange
    from llmlb_core.upstream.pool import Pool

_WANTED = frozenset({b"content-type", b"content-length", b"transfer-encoding", b"content-encoding", b"retry-after"})
MAX_BARE_BYTES = 64 * 1024
"""What may come between two pieces of a body: heads, chunk extensions, trailers."""


class Connection(asyncio.Protocol):
    """HTTP/1.1 to one server. Belongs to one exchange at a time, else to its pool.

    Attributes:
        is_reused: Whether it has answered before: the server may have closed it while we were about to use it.
        is_lost: Whether it is closed for good.
        idle_since: When it came back to the pool, on the loop's clock.
        is_sending: Whether the rest of an upload is on its way, piece by piece; set by the exchange that sends it.
        on_body: httptools calls it with each piece of a body; C calls C.
    """

    __slots__ = (
        "_bare_bytes", "_exchange", "_has_length", "_is_full", "_is_overrun", "_is_whole", "_keeps_alive", "_parser", "_parts",
        "_pool", "_room", "_whole_parts", "idle_since", "is_lost", "is_reused", "is_sending", "on_body", "transport",
    )  # fmt: skip

    def __init__(self, pool: Pool) -> None:
        """Belong to *pool*."""
        self._pool = pool
        self._exchange: Exchange | None = None
        self._parts: list[bytes] = []
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)
        self.transport: asyncio.Transport
        self.is_reused = self.is_lost = self.is_sending = self._is_full = False
        self._room: asyncio.Future[None] | None = None
        self.idle_since = 0.0
        self._bare_bytes = self._whole_parts = 0
        self._has_length = self._is_whole = self._is_overrun = self._keeps_alive = False

    @property
    def has_answered(self) -> bool:
        """Whether any byte came since the request was sent."""
        return self._bare_bytes > 0 or (self._exchange is not None and self._exchange.status > 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's transports do not derive from asyncio's
        self._pool.made(self)

    def send(self, exchange: Exchange, request: bytes) -> None:
        """Send *request* and tell *exchange* of the answer."""
        self._exchange = exchange
        self._bare_bytes = 0
        self._has_length = self._is_whole = self._is_overrun = False
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Parse what came; what nobody waits for ends the connection."""
        exchange = self._exchange
        if exchange is None:
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._broken("it switched protocols")
            return
        except httptools.HttpParserError as error:
            if not self._is_whole:
                self._broken(f"it sent what is not HTTP ({error})")
                return
            self._is_overrun = True
        if self._is_whole:
            self._end(exchange)
        elif self._parts:
            exchange.arrived(self._parts)
        elif exchange.problem is not None:
            self._broken(exchange.problem)
        else:
            self._bare_bytes += len(data)
            if self._bare_bytes > MAX_BARE_BYTES:
                self._broken("its answer has too large a head or trailer")

    def eof_received(self) -> None:
        """Close; ``connection_lost`` decides what that means."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the exchange: an answer without a length is complete, any other is cut."""
        self.is_lost = True
        if self._room is not None:
            self.resume_writing()
        self._pool.forget(self)
        exchange = self._exchange
        if exchange is None:
            return
        if exc is None and exchange.status and not self._has_length:
            exchange.complete(self._parts, is_certain=False)
        else:
            exchange.lost(self)
        self._exchange = None

    def pause_writing(self) -> None:
        """The server reads slowly: a request waits in the transport's buffer, the rest of an upload where it is."""
        self._is_full = True

    def resume_writing(self) -> None:
        """The server has read."""
        self._is_full = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def drained(self) -> None:
        """Return when more may be written, or the connection is lost."""
        if self._is_full and not self.is_lost:
            self._room = asyncio.get_running_loop().create_future()
            await self._room
            self._room = None

    def abort(self) -> None:
        """End the connection: nobody wants its answer."""
        self._exchange = None
        self._pool.forget(self)
        if not self.is_lost:  # of TLS, asyncio's transport in Python 3.11.2 cannot be aborted after that
            self.transport.abort()

    def fail_plain(self, error: CallError) -> None:
        """Fail the call that waits here for a plain answer, if one does."""
        exchange = self._exchange
        if exchange is not None and not exchange.is_stream:
            exchange.fail(error)

    # --- httptools calls these

    def on_message_begin(self) -> None:
        """Something begins; after the whole answer that is something nobody asked for."""
        self._is_overrun = self._is_whole

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of the answer, or a trailer, which is ignored."""
        name = name.lower()
        exchange = self._exchange
        if name not in _WANTED or exchange is None or exchange.status or self._is_whole:
            return
        if name == b"content-length":
            self._has_length = True
        elif name == b"transfer-encoding":
            # Any other coding would have to be undone; `identity` is of old servers, which close to say that they are done.
            self._has_length = value.lower() != b"identity"
            if self._has_length and value.lower() != b"chunked":
                exchange.refuse("it used a transfer coding that nobody asked for")
        if name == b"content-type":
            exchange.content_type = value.decode("latin-1")
        else:
            exchange.header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete; 1xx heads are not the answer."""
        exchange, status = self._exchange, self._parser.get_status_code()
        if exchange is None or self._is_whole or 100 <= status < 200:
            return
        self._has_length = self._has_length or status in (204, 304)
        exchange.head(status)

    def on_message_complete(self) -> None:
        """The answer is complete, or was a 1xx."""
        exchange = self._exchange
        if exchange is None or self._is_whole:
            return
        if not exchange.status:
            self._has_length = False
            exchange.forget_head()
            return
        self._is_whole = True
        self._whole_parts = len(self._parts)
        self._keeps_alive = self._parser.should_keep_alive()

    # --- inside

    def _end(self, exchange: Exchange) -> None:
        """The answer is whole; keep the connection where that is safe.

        It is not where the server said more than was asked, for that would be the next call's answer, nor where it answered
        before it had read the request, for the rest of that is on its way still.
        """
        self._exchange = None
        transport = self.transport
        parts = self._parts
        if self._is_overrun:
            del parts[self._whole_parts :]
        is_in_step = not self._is_overrun and not self.is_sending and not transport.get_write_buffer_size()
        if self._keeps_alive and is_in_step and not transport.is_closing():
            self.is_reused = True
            self._pool.put(self)
        else:
            transport.close()
        exchange.complete(parts)

    def _broken(self, reason: str) -> None:
        exchange = self._exchange
        if self._parts and exchange is not None and exchange.committed.done():
            exchange.arrived(self._parts)  # what came before is good
        self.abort()
        if exchange is not None:
            exchange.fail(reason)
