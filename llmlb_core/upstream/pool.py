"""Idle connections to one server, the youngest first."""

from __future__ import annotations

import asyncio
from collections import deque

from llmlb_core.upstream.address import Address
from llmlb_core.upstream.connection import Connection

MAX_IDLE = 256
IDLE_TIMEOUT_S = 55.0
"""Shorter than the 60 s or more after which servers close."""


class Pool:
    """Last in, first out: few connections stay warm, the others grow old and are closed."""

    def __init__(self, address: Address) -> None:
        """Begin without connections to *address*."""
        self.address = address
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()

    def take(self, now: float) -> Connection | None:
        """Return an idle connection that is likely to be open, or None."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.transport.is_closing():
                if connection.idle_since + IDLE_TIMEOUT_S > now:
                    return connection
                connection.transport.close()
        return None

    async def connect(self, timeout_s: float) -> Connection:
        """Return a new connection.

        Raises:
            OSError: Refused, unreachable, no such name, or a TLS handshake that failed.
            TimeoutError: Nobody answered.
        """
        address = self.address
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_s):
            _, connection = await loop.create_connection(
                lambda: Connection(self),
                address.host,
                address.port,
                ssl=address.tls,
                server_hostname=address.host if address.tls else None,
            )
        self._all.add(connection)
        return connection

    def put(self, connection: Connection) -> None:
        """Take *connection* back after a whole answer."""
        connection.idle_since = asyncio.get_running_loop().time()
        if len(self._idle) >= MAX_IDLE:
            self._idle.popleft().transport.close()
        self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """*connection* is closed or of no use."""
        self._all.discard(connection)
        if connection.idle_since:
            try:
                self._idle.remove(connection)
            except ValueError:
                return

    def close(self) -> None:
        """Close every connection."""
        self._idle.clear()
        for connection in tuple(self._all):
            connection.abort()
        self._all.clear()
