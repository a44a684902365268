"""Idle connections to one server, the youngest first."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable, Mapping

from llmlb_core.errors import CallError
from llmlb_core.upstream.address import Address
from llmlb_core.upstream.connection import Connection
from llmlb_core.upstream.sweep import Sweep

MAX_IDLE = 256
IDLE_TIMEOUT_S = 55.0
"""Shorter than the 60 s or more after which servers close."""


class Pool:
    """Last in, first out: few connections stay warm, the others grow old and are closed.

    Attributes:
        loop: The one that everything here runs on.
        overdue_at: When the oldest idle connection is to be closed; see ``Sweep``.
        read_error: Says what an error answer means (status, headers, first bytes of the body); None where the status says all.
    """

    def __init__(self, address: Address, sweep: Sweep) -> None:
        """Begin without connections to *address*; *sweep* tells when some are old."""
        self.address = address
        self.overdue_at = math.inf
        self.read_error: Callable[[int, Mapping[str, str], bytes], CallError | None] | None = None
        self._sweep = sweep
        self.loop = asyncio.get_running_loop()
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()

    @property
    def idle_count(self) -> int:
        """Connections that wait for a call."""
        return len(self._idle)

    @property
    def open_count(self) -> int:
        """Connections, idle or not."""
        return len(self._all)

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
        self._sweep.start()
        connection = self._new()
        try:
            async with asyncio.timeout(timeout_s):
                await self.loop.create_connection(
                    lambda: connection,
                    address.host,
                    address.port,
                    ssl=address.tls,
                    server_hostname=address.host if address.tls else None,
                )
        except BaseException:
            self._all.discard(connection)  # closed by the loop; uvloop does not say so when a call is cancelled in the last step
            raise
        return connection

    def _new(self) -> Connection:
        """Return a connection that is not open yet."""
        return Connection(self)

    def made(self, connection: Connection) -> None:
        """*connection* is open."""
        self._all.add(connection)

    def put(self, connection: Connection) -> None:
        """Take *connection* back after a whole answer."""
        idle = self._idle
        now = connection.idle_since = self.loop.time()
        if not idle:
            self.overdue_at = now + IDLE_TIMEOUT_S
            self._sweep.add(self)
        elif len(idle) >= MAX_IDLE:
            idle.popleft().transport.close()
        idle.append(connection)

    def overdue(self) -> None:
        """Close what was idle for too long; look again when the next one will have been."""
        idle, now = self._idle, self.loop.time()
        while idle and idle[0].idle_since + IDLE_TIMEOUT_S <= now:
            idle.popleft().transport.close()
        if idle:
            self.overdue_at = idle[0].idle_since + IDLE_TIMEOUT_S
        else:
            self._sweep.discard(self)

    def forget(self, connection: Connection) -> None:
        """*connection* is closed or of no use."""
        self._all.discard(connection)
        if connection.idle_since:
            with contextlib.suppress(ValueError):
                self._idle.remove(connection)

    def fail_plain(self, error: CallError) -> None:
        """Fail every call that waits for a plain answer, with *error*; streams go on, silence has a time limit of its own."""
        for connection in tuple(self._all):
            connection.fail_plain(error)

    def close(self) -> None:
        """Close every connection."""
        self._sweep.discard(self)
        self._idle.clear()
        for connection in tuple(self._all):
            connection.abort()
