"""One connection to a server: bytes in, parsed by httptools, told to the exchange that uses it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    from llmlb_core.upstream.exchange import Exchange
    from llmlb_core.upstream.pool import Pool

MAX_HEAD_BYTES = 64 * 1024


class Connection(asyncio.Protocol):
    """HTTP/1.1 to one server. Belongs to one exchange at a time, else to its pool.

    Attributes:
        is_reused: Whether it has answered before: the server may have closed it while we were about to use it.
        idle_since: When it came back to the pool, on the loop's clock.
    """

    __slots__ = (
        "_body_until_close",
        "_exchange",
        "_has_length",
        "_head_bytes",
        "_parser",
        "_pool",
        "idle_since",
        "is_reused",
        "transport",
    )

    def __init__(self, pool: Pool) -> None:
        """Belong to *pool*."""
        self._pool = pool
        self._exchange: Exchange | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self.transport: asyncio.Transport
        self.is_reused = False
        self.idle_since = 0.0
        self._head_bytes = 0
        self._has_length = False
        self._body_until_close = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's transports do not derive from asyncio's

    def send(self, exchange: Exchange, request: bytes) -> None:
        """Send *request* and tell *exchange* of the answer."""
        self._exchange = exchange
        self._parser = httptools.HttpResponseParser(self)
        self._head_bytes = 0
        self._has_length = self._body_until_close = False
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Parse what came; what nobody waits for ends the connection."""
        exchange = self._exchange
        if exchange is None:
            self._pool.forget(self)
            self.transport.abort()
            return
        exchange.alive()
        assert self._parser is not None
        if not exchange.status:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES + len(data):
                self._broken("its answer's head is too large")
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._broken("it switched protocols")
            return
        except httptools.HttpParserError as error:
            self._broken(f"it sent what is not HTTP ({type(error).__name__})")
            return
        if self._exchange is exchange:
            exchange.flush()

    def eof_received(self) -> None:
        """Close; ``connection_lost`` decides what that means."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the exchange: an answer without a length is complete, any other is cut."""
        self._pool.forget(self)
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        if exc is None and self._body_until_close and exchange.status:
            exchange.complete()
        else:
            exchange.lost(self)

    def pause_writing(self) -> None:
        """The server reads slowly: the request waits in the transport's buffer, which is as large as the request."""

    def resume_writing(self) -> None:
        """See ``pause_writing``."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header of the answer."""
        lower = name.lower()
        if lower in (b"content-length", b"transfer-encoding"):
            self._has_length = True
        exchange = self._exchange
        if exchange is not None:
            exchange.header(lower, value)

    def on_headers_complete(self) -> None:
        """httptools: the head is complete; 1xx heads are not the answer."""
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status >= 200 and self._exchange is not None:
            self._body_until_close = not self._has_length and status not in (204, 304)
            self._exchange.head(status)

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        if self._exchange is not None:
            self._exchange.body_piece(body)

    def on_message_complete(self) -> None:
        """httptools: the answer is complete, or was a 1xx."""
        exchange, parser = self._exchange, self._parser
        assert parser is not None
        if exchange is None or parser.get_status_code() < 200 or self._body_until_close:
            self._has_length = False
            return
        self._exchange = None
        if parser.should_keep_alive():
            self.is_reused = True
            self._pool.put(self)
        else:
            self.transport.close()
        exchange.complete()

    def abort(self) -> None:
        """End the connection: nobody wants its answer."""
        self._exchange = None
        self._pool.forget(self)
        self.transport.abort()

    def _broken(self, reason: str) -> None:
        exchange, self._exchange = self._exchange, None
        self._pool.forget(self)
        self.transport.abort()
        if exchange is not None:
            exchange.fail(reason)
