"""The pipeline's way in and out of one request on the wire."""

from __future__ import annotations

import asyncio
import math
import struct
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING

from llmlb_core.contracts.outlet import Headers, Outlet
from llmlb_core.errors import BodyTimeout, BodyTooLarge, InvalidRequest
from llmlb_core.telemetry.log import get_logger
from llmlb_core.wire.message import Message
from llmlb_core.wire.refusal import STATUS_LINES

if TYPE_CHECKING:
    from llmlb_core.wire.client import ClientConnection

_RESET = struct.pack("ii", 1, 0)
_log = get_logger("wire")


class SocketOutlet(Outlet):
    """Writes HTTP/1.1 straight into the client's transport: a known length as it is, anything else in chunks."""

    # Defaults of the class: what most calls never change costs none of them anything.
    _arrived: asyncio.Future[None] | None = None
    _head = b""
    _is_chunked = False
    _announced: float = math.inf
    _limit = 0
    _timeout_s = 0.0
    _is_in_pieces = False
    is_ended = False

    def __init__(self, connection: ClientConnection, message: Message) -> None:
        """Answer *message* on *connection*."""
        self._connection = connection
        self._message = message
        self._transport = connection.transport

    # --- in

    def announced_bytes(self) -> int | None:
        """Return what ``content-length`` said."""
        return self._message.length

    def body_at_once(self, max_bytes: int) -> bytes | None:
        """Return the whole request body where it came with the head."""
        message = self._message
        return message.body() if message.is_complete and message.body_bytes <= max_bytes and message.problem is None else None

    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the whole request body."""
        message = self._message
        self._limit, self._timeout_s = max_bytes, timeout_s
        if not message.is_complete and (message.length or message.body_bytes) <= max_bytes and message.problem is None:
            await self._wait(timeout_s)
        if message.problem is not None:
            raise InvalidRequest(message.problem, code="bad_request")
        if (message.length or message.body_bytes) > max_bytes:
            message.drop_body()
            raise BodyTooLarge(f"The request body is larger than {max_bytes} bytes, the limit of this route. Send less.")
        return message.body()

    async def piece(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the next piece of the request body."""
        message = self._message
        self._limit, self._timeout_s, self._is_in_pieces = max_bytes, timeout_s, True
        while message.problem is None:
            if (message.length or message.body_bytes) > max_bytes:
                message.drop_body()
                raise BodyTooLarge(f"The request body is larger than {max_bytes} bytes, the limit of this route. Send less.")
            piece = message.body()
            if piece or message.is_complete:
                return piece
            await self._wait(timeout_s)
            self._arrived = None
        raise InvalidRequest(message.problem, code="bad_request")

    async def _wait(self, timeout_s: float) -> None:
        """Return when the body is there, or a piece of it where it is read so; when it cannot be read or is too large."""
        connection, message = self._connection, self._message
        if message.expects_continue and not message.body_bytes and not connection.transport.is_closing():
            message.expects_continue = False
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.resume_reading()
        self._arrived = connection.loop.create_future()
        connection.overdue_at = connection.loop.time() + timeout_s
        try:
            await self._arrived
        finally:
            connection.overdue_at = math.inf

    def arrived(self) -> None:
        """The connection: a piece of the body came."""
        connection, message, waiter = self._connection, self._message, self._arrived
        if self._is_in_pieces:
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
            if message.kept_bytes > connection.limits.pipelined_bytes and not message.is_complete:
                connection.pause_reading()  # uvloop may call this many times before anybody takes a piece
        elif waiter is None:
            if message.body_bytes > connection.limits.pipelined_bytes and not message.is_complete:
                connection.pause_reading()  # nobody has said yet that the body is wanted
        elif message.is_complete or message.problem is not None or message.body_bytes > self._limit:
            if message.body_bytes > self._limit:
                message.drop_body()
            if not waiter.done():
                waiter.set_result(None)
        else:
            connection.overdue_at = connection.loop.time() + self._timeout_s

    def body_overdue(self) -> None:
        """The connection: nothing of the body has come for too long."""
        message = self._message
        message.keeps_alive = False
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_exception(
                BodyTimeout(
                    f"The request body did not arrive: nothing came for {self._timeout_s:g} s after {message.body_bytes} bytes. "
                    "Send it again."
                )
            )

    # --- out

    def open(self, status: int, headers: Headers, length: int | None = None) -> None:
        """Keep the head for the first piece of the body, so that both leave in one packet."""
        self.opened, self.status = True, status
        message = self._message
        told = "".join([f"{name}: {value}\r\n" for name, value in headers])
        if "\0" in told or not (told.count("\n") == told.count("\r") == len(headers)):
            told = "".join([f"{name}: {_printable(value)}\r\n" for name, value in headers])
        if length is not None:
            self._announced = length
            framing = f"content-length: {length}\r\n"
        elif message.head.version == "1.0":
            message.keeps_alive = False
            framing = ""
        else:
            self._is_chunked = True
            framing = "transfer-encoding: chunked\r\n"
        if not message.is_complete and not self._can_go_on(message):
            message.keeps_alive = False
        if not message.keeps_alive:
            framing += "connection: close\r\n"
        elif message.head.version == "1.0":
            framing += "connection: keep-alive\r\n"
        status_line = STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
        self._head = f"{status_line}{told}{framing}{self._connection.clock.date_line()}".encode("latin-1", "replace")

    def _can_go_on(self, message: Message) -> bool:
        """Whether the rest of a body that nobody wants can be read, for the sake of the connection.

        Not where a client waits for 100 Continue: whether it sends the body after our answer is its choice.
        """
        is_short = message.length is not None and message.missing <= self._connection.limits.pipelined_bytes
        return is_short and (not message.expects_continue or message.body_bytes > 0)

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        size = len(data)
        if not size:
            return  # an empty chunk would end the answer
        self.bytes_out += size
        if self.bytes_out > self._announced:
            self._mismatch()
            return
        transport = self._transport
        head = self._head
        try:
            if head:
                self._head = b""
                transport.write(b"%s%x\r\n%s\r\n" % (head, size, data) if self._is_chunked else head + data)
            elif self._is_chunked:
                transport.write(b"%x\r\n%s\r\n" % (size, data))
            else:
                transport.write(data)
        except RuntimeError:  # uvloop's transports raise after the connection is lost, and the call is told a moment later
            return

    async def drained(self) -> None:
        """Wait until the client has read enough."""
        await self._connection.writable()

    def resumed(self) -> None:
        """The connection: the client has read enough."""
        if self.source is not None:
            self.source.resume()

    def end(self) -> None:
        """Finish the answer."""
        self.is_ended = True
        if self.bytes_out < self._announced < math.inf:
            self._mismatch()
            return
        last = self._head + b"0\r\n\r\n" if self._is_chunked else self._head
        self._head = b""
        if last:
            try:
                self._transport.write(last)
            except RuntimeError:  # as in ``write``
                return

    def fail(self) -> None:
        """Break the connection so that the client cannot take what it has for the whole answer."""
        transport = self._connection.transport
        if not self._is_chunked and self._announced == math.inf:  # an end like any other would complete it
            socket = transport.get_extra_info("socket")
            if socket is not None and not transport.is_closing():
                socket.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        transport.abort()

    def _mismatch(self) -> None:
        """More or less was written than announced: the rest would be taken for the next answer, or that for the rest."""
        if not self._connection.transport.is_closing():
            _log.error("answer_length_wrong", announced=self._announced, written=self.bytes_out)
            self.fail()


def _printable(value: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in value)
