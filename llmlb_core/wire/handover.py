"""Lends connections to Hypercorn and takes them back; with ``lent_messages`` what knows Hypercorn's private names (0.18).

The wire answers hot calls itself. Any other request is *cold*: its connection is lent, from the first byte of that request, and
comes home when Hypercorn has answered it, so that two parsers never see the same message. WebSockets and HTTP/2 stay with
Hypercorn for good. Where Hypercorn wants a connection closed, it is closed.

One loan has three tasks: ``Loan.run``, one that reads, one for the application. Bytes are either in the stream's buffer or in
h11's between any two steps, so a loan that ends between messages loses none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any

import h11
from h2.errors import ErrorCodes
from h2.events import DataReceived
from h2.events import Event as H2Event
from h2.exceptions import ProtocolError
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.task_group import TaskGroup, _handle
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.typing import ASGIReceiveEvent, ConnectionState
from hypercorn.utils import parse_socket_addr

from llmlb_core.telemetry.log import get_logger
from llmlb_core.wire.lent_messages import BoundedH2, BoundedH11
from llmlb_core.wire.lent_stream import LentStream

ComeHome = Callable[[asyncio.Transport, bytes], None]
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
FRAME_HEAD_BYTES = 9
HALF_CLOSED_S = 5.0
"""An answer may take so long after its client ended its half; later the client counts as gone."""
LINGER_S = 2.0
"""A client that still sends when its answer is complete is read for so long: closing at once would destroy the answer."""
ABORT_S = 2.0

_log = get_logger("wire")


class Handover:
    """Lends connections to Hypercorn, and ends what is lent at a stop."""

    def __init__(self, app: Callable[..., Awaitable[None]], config: Config) -> None:
        """Serve *app*, an ASGI application whose lifespan is somebody else's, as *config* says."""
        self._app = ASGIWrapper(app)
        self._config = config
        self._context = WorkerContext(None)
        self._loans: dict[asyncio.Task[None], Loan] = {}
        self._is_stopped = False

    @property
    def lent_count(self) -> int:
        """How many connections are lent now, or still have an application running."""
        return len(self._loans)

    async def start(self) -> None:
        """Get ready to lend. Called on the event loop that serves."""
        self._context = WorkerContext(None)
        self._is_stopped = False

    def lend(self, transport: asyncio.Transport, data: bytes, come_home: ComeHome, *, http2: bool = False) -> None:
        """Let Hypercorn answer the request that starts with *data*.

        The transport's protocol is replaced. It is told ``connection_lost`` should the connection end while it is lent.

        Args:
            transport: Plain or TLS, of asyncio or uvloop; it may be paused, and may have something left to send.
            data: All that was received from the first byte of the request on.
            come_home: Called with the transport and what was received beyond the request, once, when the answer is sent and the
                connection lives on; it sets a protocol, which is then told what it missed: ``pause_writing``, ``eof_received``.
                Not called for WebSockets, HTTP/2 and connections that were closed.
            http2: Whether the connection speaks HTTP/2: ALPN chose it, or *data* is its preface.
        """
        if self._is_stopped:
            transport.close()
            return
        is_http2 = http2 or data.startswith(HTTP2_PREFACE)
        loan = Loan(self._app, self._config, self._context, transport=transport, data=data, come_home=come_home, is_http2=is_http2)
        task = asyncio.get_running_loop().create_task(self._serve(loan))
        self._loans[task] = loan
        task.add_done_callback(self._loans.pop)

    async def stop(self, grace_s: float) -> None:
        """End what is lent: idle connections now, answers when they are complete, the rest after *grace_s*."""
        await self._context.terminated.set()
        if self._loans:
            await asyncio.wait(self._loans, timeout=grace_s)
        self._is_stopped = True
        for loan in self._loans.values():
            loan.stream.transport.abort()
        for _ in range(2):  # first the application is told that its client has left, then it is cancelled
            if self._loans:
                await asyncio.wait(self._loans, timeout=ABORT_S)
            for task in self._loans:
                task.cancel()

    async def _serve(self, loan: Loan) -> None:
        try:
            await loan.run()
        except Exception:  # noqa: BLE001  # Hypercorn's code, and through it the application's: one connection, not the server
            _log.exception("lent_connection_failed")
            loan.stream.transport.abort()


class Loan(TCPServer):
    """One connection while it is lent."""

    protocol: _Http1 | _Http2  # type: ignore[assignment]  # Hypercorn wraps the two in a third that switches between them

    def __init__(
        self,
        app: ASGIWrapper,
        config: Config,
        context: WorkerContext,
        *,
        transport: asyncio.Transport,
        data: bytes,
        come_home: ComeHome,
        is_http2: bool,
    ) -> None:
        """Take the transport over at once, before more arrives."""
        self.stream = stream = LentStream(transport, data, self._stop_reading)
        super().__init__(app, asyncio.get_running_loop(), config, context, ConnectionState({}), stream, stream)  # type: ignore[arg-type]  # it has all that is used of both
        self._come_home = come_home
        self._is_http2 = is_http2
        self._reading: asyncio.Task[None] | None = None
        self._is_returned = False
        self._is_closing = False
        self._context = copy_context()  # the wire's: what comes home must not run in the application's

    async def run(self) -> None:
        """Serve until the connection comes home or ends, and until the application has returned."""
        try:
            async with _Tasks(self.loop) as tasks:
                self._task_group = tasks
                self.protocol = self._protocol(tasks)
                await self.protocol.initiate()
                if self._is_http2:
                    await self.idle_task.restart(tasks, self._idle_timeout)
                self._reading = self.loop.create_task(self._read_data())
                try:
                    if not self.stream.is_lost:
                        await asyncio.wait((self._reading,))
                finally:
                    self._reading.cancel()
                if not self._is_returned:
                    await self.protocol.handle(Closed())
        except OSError:  # the client left before its address was asked for
            pass
        finally:
            await self._close()
            await self.idle_task.stop()

    def _protocol(self, tasks: TaskGroup) -> _Http1 | _Http2:
        transport = self.stream.transport
        socket = transport.get_extra_info("socket")
        client = parse_socket_addr(socket.family, socket.getpeername())
        server = parse_socket_addr(socket.family, socket.getsockname())
        is_tls = transport.get_extra_info("ssl_object") is not None
        kind = _Http2 if self._is_http2 else _Http1
        return kind(
            self.app, self.config, self.context, tasks, ConnectionState(self.state), is_tls, client, server, self.protocol_send
        )

    async def protocol_send(self, event: Event) -> None:
        """Do what the protocol asks for: send, close, or, between two messages, give the connection back."""
        if isinstance(event, Updated) and not self._is_http2:
            if event.idle and not self.stream.is_closing:
                self._return()
        else:
            await super().protocol_send(event)

    async def _read_data(self) -> None:
        try:
            while data := await self.stream.read():
                await self.protocol.handle(RawData(data))
            if isinstance(self.protocol, _Http1) and not self.protocol.is_websocket and not self.stream.is_lost:
                if self.protocol.is_request_complete:
                    await asyncio.sleep(HALF_CLOSED_S)  # coming home ends it
                else:
                    await self.protocol.handle(RawData(b""))  # h11 answers 400 to half a request
        except Exception:  # noqa: BLE001  # a defect of the parsers; the application is told in order that its client has left
            _log.exception("lent_connection_failed")

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    def _return(self) -> None:
        """Take what was not parsed out of h11 before anybody else runs, then give the connection back."""
        connection = self.protocol.connection
        assert isinstance(connection, h11.Connection)
        leftover = connection.trailing_data[0]
        self._is_returned = True
        self._stop_reading()
        self.loop.call_soon(self._hand_back, leftover, context=self._context)

    def _hand_back(self, leftover: bytes) -> None:
        stream = self.stream
        if stream.is_lost:
            return  # and its lender was told
        transport = stream.transport
        try:
            self._come_home(transport, leftover + stream.take())
            protocol = transport.get_protocol()
            assert isinstance(protocol, asyncio.Protocol | asyncio.BufferedProtocol)
            if stream.is_writing_paused:
                protocol.pause_writing()
            if stream.is_eof and not protocol.eof_received():
                transport.close()
        except Exception:
            transport.abort()
            raise

    async def _close(self) -> None:
        """End the connection, unless it went home; a complete answer reaches a client that still sends."""
        if self._is_returned or self._is_closing:
            return
        self._is_closing = True
        stream = self.stream
        protocol: _Http1 | _Http2 | None = getattr(self, "protocol", None)
        if isinstance(protocol, _Http1) and not protocol.is_request_complete and not stream.is_closing:
            stream.discard()
            stream.write_eof()
            await stream.wait_eof(LINGER_S)
        stream.close()
        await stream.wait_closed()


class _Tasks(TaskGroup):
    """Hypercorn's task group; an application that has answered can always be told that its client has left."""

    async def spawn_app(self, app: Any, config: Config, scope: Any, send: Any) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        messages: asyncio.Queue[ASGIReceiveEvent] = asyncio.Queue(config.max_app_queue_size)

        async def put(message: ASGIReceiveEvent) -> None:
            if message["type"] != "http.disconnect":
                await messages.put(message)
                return
            # An application that answers before it has read its body puts this into its own queue: waiting would be for ever.
            while messages.full():
                messages.get_nowait()
            messages.put_nowait(message)

        self.spawn(_handle, app, config, scope, messages.get, send, None, None)  # the last two are for WSGI
        return put


class _Http1(BoundedH11):
    """HTTP/1.1 and WebSockets. An ``Upgrade: h2c`` is not taken up: RFC 9113 has no such thing any more."""

    @property
    def is_request_complete(self) -> bool:
        """Whether the request has been read to its end."""
        return self.connection.their_state in {h11.DONE, h11.MUST_CLOSE, h11.CLOSED, h11.IDLE, None}

    async def _check_protocol(self, event: h11.Request) -> None:
        """Go on with HTTP/1.1."""


class _Http2(BoundedH2):
    """HTTP/2, where a body that arrives after its answer does not end the connection, as it does in Hypercorn 0.18."""

    async def handle(self, event: Event) -> None:
        """Refuse frames that are too large when they begin; h2 says so only when it has read up to 16 MiB of one."""
        await super().handle(event)
        waiting_bytes = len(self.connection.incoming_buffer._data)  # noqa: SLF001  # h2 does not say it otherwise
        if waiting_bytes > FRAME_HEAD_BYTES + self.connection.max_inbound_frame_size and not self.closed:
            self.connection.close_connection(ErrorCodes.FRAME_SIZE_ERROR)
            await self._flush()
            await self.send(Closed())

    async def _handle_events(self, events: list[H2Event]) -> None:
        for event in events:
            if isinstance(event, DataReceived) and event.stream_id not in self.streams:
                self._refuse(event)
            else:
                await super()._handle_events([event])
        await self._flush()

    def _refuse(self, event: DataReceived) -> None:
        try:
            self.connection.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            if event.stream_id not in self.stream_buffers:  # its answer is sent to the end
                self.connection.reset_stream(event.stream_id, ErrorCodes.NO_ERROR)
        except ProtocolError:
            return  # ended meanwhile
