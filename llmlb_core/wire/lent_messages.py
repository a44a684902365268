"""Messages of websockets within their limit: Hypercorn 0.18 ends a connection whose message is too large, and keeps what follows.

Together with ``handover`` the place that knows Hypercorn's private names.
"""

from __future__ import annotations

from typing import Any

import h11
from h2.events import RequestReceived
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import FrameTooLargeError, WebsocketBuffer, WSStream
from wsproto.events import Message


class BoundedBuffer(WebsocketBuffer):
    """One message while it arrives; of one that is too large nothing is kept."""

    def extend(self, event: Message[Any]) -> None:
        """Keep a piece.

        Raises:
            FrameTooLargeError: The message is larger than the server takes; its connection is being closed with 1009.
        """
        if self.length > self.max_length:
            raise FrameTooLargeError
        try:
            super().extend(event)
        except FrameTooLargeError:
            self.value = None
            raise


class BoundedH11(H11Protocol):
    """HTTP/1.1 and its websockets."""

    async def _create_stream(self, request: h11.Request) -> None:
        await super()._create_stream(request)
        _bound(self.stream)


class BoundedH2(H2Protocol):
    """HTTP/2 and its websockets."""

    async def _create_stream(self, request: RequestReceived) -> None:
        await super()._create_stream(request)
        _bound(self.streams.get(request.stream_id))


def _bound(stream: object) -> None:
    """Bound what *stream* keeps; nothing has come for it yet."""
    if isinstance(stream, WSStream):
        stream.buffer = BoundedBuffer(stream.buffer.max_length)
