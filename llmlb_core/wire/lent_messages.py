"""Messages of websockets within their limit: Hypercorn 0.18 ends a connection whose message is too large, and keeps what follows.

Together with ``handover`` the place that knows Hypercorn's private names.
"""

from __future__ import annotations

from typing import Any

import h11
from h2.events import RequestReceived
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import FrameTooLargeError, WebsocketBuffer, WSStream
from wsproto.events import CloseConnection, Message


class _Buffer(WebsocketBuffer):
    """One message while it arrives.

    Attributes:
        is_exceeded: Whether one was too large: the connection is being closed with 1009, and nothing is kept any more.
    """

    is_exceeded = False

    def extend(self, event: Message[Any]) -> None:
        try:
            super().extend(event)
        except FrameTooLargeError:
            self.is_exceeded = True
            self.clear()
            raise


class BoundedH11(H11Protocol):
    """HTTP/1.1 and its websockets."""

    @property
    def is_websocket(self) -> bool:
        """Whether the connection is one now; a client that ends its half of it without a closing frame has left."""
        return isinstance(self.stream, WSStream)

    async def _create_stream(self, request: h11.Request) -> None:
        await super()._create_stream(request)
        _bound(self.stream)


class BoundedH2(H2Protocol):
    """HTTP/2 and its websockets."""

    async def _create_stream(self, request: RequestReceived) -> None:
        await super()._create_stream(request)
        _bound(self.streams.get(request.stream_id))


def _bound(stream: object) -> None:
    """Bound what *stream* keeps, where it is a websocket's; nothing has come for it yet."""
    if not isinstance(stream, WSStream):
        return
    # No compression is agreed on: one packet of it may be hundreds of megabytes of zeros, and sound hardly gets smaller.
    stream.handshake.extensions = None
    buffer = stream.buffer = _Buffer(stream.buffer.max_length)
    read = stream._handle_events  # noqa: SLF001

    async def read_on() -> None:
        if not buffer.is_exceeded:
            await read()
        if buffer.is_exceeded:
            for event in stream.connection.events():
                if isinstance(event, CloseConnection):
                    await stream.send(StreamClosed(stream_id=stream.stream_id))

    stream._handle_events = read_on  # type: ignore[method-assign]  # noqa: SLF001
