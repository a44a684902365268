"""The wire's listener: accepts connections, knows all of them, ends them in order."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping

from llmlb_core.contracts.dialect import Dialect, Entry
from llmlb_core.pipeline import Pipeline
from llmlb_core.upstream.sweep import Sweep
from llmlb_core.wire.client import ClientConnection
from llmlb_core.wire.clock import Clock
from llmlb_core.wire.handover import Handover
from llmlb_core.wire.heads import Heads
from llmlb_core.wire.limits import ClientLimits
from llmlb_core.wire.linger import Linger

BACKLOG = 4096
CANCEL_S = 2.0


class _Lender:
    """Lends connections to the web plane."""

    def __init__(self, handover: Handover) -> None:
        self._handover = handover

    def lend(self, connection: ClientConnection, data: bytes, *, http2: bool) -> None:
        self._handover.lend(connection.transport, data, connection.come_home, http2=http2)


class WireServer:
    """Everything that connections share, and the connections.

    Attributes:
        connections: Those that are here; those that are lent are the handover's.
    """

    def __init__(
        self, pipeline: Pipeline, dialects: Mapping[str, Dialect], handover: Handover, limits: ClientLimits | None = None
    ) -> None:
        """Serve the routes of *dialects* with *pipeline*, everything else with *handover*."""
        self._loop = asyncio.get_running_loop()
        self.pipeline = pipeline
        self.heads = Heads(
            {route.path.encode(): Entry(dialect, route) for dialect in dialects.values() for route in dialect.routes}
        )
        self.limits = limits or ClientLimits()
        self.sweep = Sweep(self._loop)
        self.clock = Clock()
        self.lender = _Lender(handover)
        self._handover = handover
        self.connections: set[ClientConnection | Linger] = set()
        self.is_stopping = False
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on *listener*."""
        await self._handover.start()
        self._server = await self._loop.create_server(
            lambda: ClientConnection(self, self._loop),
            sock=listener,
            ssl=tls,
            backlog=BACKLOG,
            ssl_handshake_timeout=self.limits.head_s if tls else None,
        )

    def stop_accepting(self) -> None:
        """Take no new connections; the others end after the call that they carry."""
        self.is_stopping = True
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            connection.close_when_idle()

    async def stop(self, grace_s: float = 2.0) -> None:
        """End every connection, lent ones after *grace_s* at the latest; return when their calls have ended."""
        self.stop_accepting()
        await self._handover.stop(grace_s)
        calls = [each.call for each in self.connections if isinstance(each, ClientConnection) and each.call is not None]
        for connection in tuple(self.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # they are told in the loop's next turn
        if calls:
            await asyncio.wait(calls, timeout=CANCEL_S)
        self.sweep.stop()
