"""One call at one server: from its request to the last byte of its answer."""

from __future__ import annotations

import asyncio
import math

from attrs import frozen

from llmlb_core.contracts.outlet import Outlet
from llmlb_core.domain.results import Usage
from llmlb_core.errors import CallError, EndpointBusy, EndpointFailed, EndpointTimeout
from llmlb_core.upstream.connection import Connection
from llmlb_core.upstream.pool import Pool
from llmlb_core.upstream.sweep import Sweep
from llmlb_core.upstream.usage import read_usage

PLAIN_COMMIT_BYTES = 1024 * 1024
"""A plain answer is held back until it is whole, up to this size; so a cut one can be tried again."""
MAX_EVENT_BYTES = 4 * 1024 * 1024
_PASSED_ON = frozenset({400, 404, 405, 409, 413, 415, 422})
"""Refusals of the request itself: the client is told in the server's own words."""


@frozen
class Limits:
    """How long a server may take; seconds."""

    connect_s: float = 5.0
    head_s: float = 30.0
    idle_s: float = 20.0
    plain_s: float = 600.0


class Exchange:
    """Sends one request and passes the answer on.

    Before ``committed`` nothing has reached the client, and a failure may be tried elsewhere. After it ``attach`` lets bytes
    flow to an outlet from the connection's own callbacks; ``finished`` is the one thing to wait for.

    Attributes:
        status: The answer's, 0 before its head came.
        content_type: The answer's.
        usage: What the answer said of its tokens.
        overdue_at: When the server's silence ends the call; see ``Sweep``.
    """

    __slots__ = (
        "__weakref__",
        "_connection",
        "_content_length",
        "_dialing",
        "_end",
        "_error",
        "_held",
        "_is_complete",
        "_is_event_stream",
        "_is_stream",
        "_limits",
        "_loop",
        "_name",
        "_outlet",
        "_parts",
        "_pool",
        "_request",
        "_retry_after",
        "_size",
        "_sweep",
        "committed",
        "content_type",
        "overdue_at",
        "status",
        "usage",
    )  # fmt: skip

    def __init__(self, pool: Pool, limits: Limits, sweep: Sweep, name: str, *, is_stream: bool) -> None:
        """Use *pool*; *name* is what errors call the server."""
        self._loop = asyncio.get_running_loop()
        self._pool, self._limits, self._sweep, self._name, self._is_stream = pool, limits, sweep, name, is_stream
        self._request = b""
        self._connection: Connection | None = None
        self._dialing: asyncio.Task[None] | None = None
        self._outlet: Outlet | None = None
        self._parts: list[bytes] = []
        self._held = b""
        self._size = 0
        self._is_complete = self._is_event_stream = False
        self._end: asyncio.Future[None] | None = None
        self._error: CallError | None = None
        self._content_length: str | None = None
        self._retry_after: str | None = None
        self.committed: asyncio.Future[None] = self._loop.create_future()
        self.status = 0
        self.content_type = "application/json"
        self.usage: Usage | None = None
        self.overdue_at = math.inf

    # --- what the pipeline calls

    def start(self, request: bytes) -> None:
        """Send *request*, over an idle connection or a new one."""
        self._request = request
        now = self._loop.time()
        connection = self._pool.take(now)
        self.overdue_at = now + (self._limits.head_s if self._is_stream else self._limits.plain_s)
        self._sweep.add(self)
        if connection is None:
            self._dial()
        else:
            self._connection = connection
            connection.send(self, request)

    def attach(self, outlet: Outlet) -> None:
        """Let what is held and what comes flow to *outlet*, whose head is out."""
        self._outlet = outlet
        outlet.source = self
        held, self._held = self._held, b""
        if held:
            self._pass_on(held)

    @property
    def content_length(self) -> str | None:
        """The length of the body that will flow, where it is known."""
        return str(len(self._held)) if self._is_complete else self._content_length

    async def finished(self) -> None:
        """Return when the whole answer was passed on.

        Raises:
            EndpointFailed: It was cut.
        """
        if self._error is None and not self._is_complete:
            self._end = self._loop.create_future()
            await self._end
        if self._error is not None:
            raise self._error

    def abort(self) -> None:
        """Give up: close the connection unless the answer is whole."""
        self._sweep.discard(self)
        self._outlet = None
        if self._dialing is not None:
            self._dialing.cancel()
        connection, self._connection = self._connection, None
        if connection is not None and not self._is_complete:
            connection.abort()

    def overdue(self) -> None:
        """The server was silent for too long."""
        if self._outlet is not None and self._outlet.is_paused:
            self.alive()  # it is our reader that is slow
            return
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
        self._fail(EndpointTimeout(f"Endpoint '{self._name}' was silent for too long."))

    # --- what the outlet calls

    def pause(self) -> None:
        """Read no more until the client has read what it was sent."""
        if self._connection is not None:
            self._connection.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._connection is not None and not self._connection.transport.is_closing():
            self.alive()
            self._connection.transport.resume_reading()

    # --- what the connection calls

    def alive(self) -> None:
        """Bytes came: begin to wait anew."""
        if self._is_stream:
            self.overdue_at = self._loop.time() + self._limits.idle_s

    def header(self, name: bytes, value: bytes) -> None:
        """Keep the few headers of the answer that matter."""
        if name == b"content-type":
            self.content_type = value.decode("latin-1")
        elif name == b"content-length":
            self._content_length = value.decode("latin-1")
        elif name == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def head(self, status: int) -> None:
        """The answer's head is complete."""
        self.status = status
        self._is_event_stream = status == 200 and self.content_type.startswith("text/event-stream")

    def body_piece(self, piece: bytes) -> None:
        """Take a piece of the body; ``flush`` follows when the parser has seen all that came."""
        self._parts.append(piece)

    def flush(self) -> None:
        """Pass on what came: whole events of a stream; of a plain answer nothing until it commits."""
        parts = self._parts
        if not parts:
            return
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if self._is_event_stream:
            if not data.endswith(b"\n\n"):
                cut = max(data.rfind(b"\n\n") + 2, data.rfind(b"\r\n\r\n") + 4)
                cut = 0 if cut <= 3 else cut
                if len(data) - cut > MAX_EVENT_BYTES:
                    self.fail("one of its events is too large")
                    return
                parts.append(data[cut:])
                if not cut:
                    return
                data = data[:cut]
            if b'"prompt_tokens"' in data:
                self.usage = read_usage(data) or self.usage
        self._deliver(data)

    def complete(self) -> None:
        """The answer is whole."""
        self._connection = None
        self._sweep.discard(self)
        status = self.status
        if status != 200 and status not in _PASSED_ON:
            self._fail(self._refusal())
            return
        rest = b"".join(self._parts)
        self._parts.clear()
        if not self._is_event_stream and self._outlet is None:
            self.usage = read_usage(self._held + rest) if status == 200 else None
        self._is_complete = True
        if rest:
            self._deliver(rest)
        if not self.committed.done():
            self.committed.set_result(None)
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    def lost(self, connection: Connection) -> None:
        """The connection closed before the answer was whole."""
        self._connection = None
        if connection.is_reused and not self.status and not self._parts:
            self._dial()  # the server had closed an idle connection as we took it: nothing was lost, and no attempt counts
            return
        self._fail(EndpointFailed(f"Endpoint '{self._name}' closed the connection before its answer was complete."))

    def fail(self, reason: str) -> None:
        """The server broke HTTP's or the dialect's rules."""
        if self._connection is not None:
            self._connection.abort()
            self._connection = None
        self._fail(EndpointFailed(f"Endpoint '{self._name}' failed: {reason}."))

    # --- inside

    def _dial(self) -> None:
        self._dialing = self._loop.create_task(self._connect(), name="connect")

    async def _connect(self) -> None:
        try:
            connection = await self._pool.connect(self._limits.connect_s)
        except TimeoutError:
            self._fail(EndpointTimeout(f"Endpoint '{self._name}' did not accept a connection within {self._limits.connect_s:g} s."))
            return
        except OSError as error:
            self._fail(EndpointFailed(f"Endpoint '{self._name}' cannot be reached ({type(error).__name__})."))
            return
        self._dialing = None
        self._connection = connection
        connection.send(self, self._request)

    def _deliver(self, data: bytes) -> None:
        if self._outlet is not None:
            self._pass_on(data)
            return
        self._held = self._held + data if self._held else data
        is_enough = self._is_event_stream or (self.status == 200 and len(self._held) > PLAIN_COMMIT_BYTES)
        if is_enough and not self.committed.done():
            self.committed.set_result(None)
            if not self._is_event_stream and not self._is_complete:
                self.pause()  # until an outlet is attached: what is held stays bounded
                self._loop.call_soon(self.resume)

    def _pass_on(self, data: bytes) -> None:
        outlet = self._outlet
        assert outlet is not None
        outlet.write(data)
        if outlet.is_paused:
            self.pause()

    def _refusal(self) -> CallError:
        """Return what an answer that is no success means for the call."""
        if self.status == 429:
            wait = self._retry_after
            retry_after_s = float(wait) if wait and wait.isdigit() else None
            return EndpointBusy(f"Endpoint '{self._name}' takes no more calls at the moment.", retry_after_s=retry_after_s)
        if self.status in (401, 403):
            return EndpointFailed(
                f"Endpoint '{self._name}' refused this server's own credential ({self.status}); its api_key is wrong."
            )
        return EndpointFailed(f"Endpoint '{self._name}' answered {self.status}.")

    def _fail(self, error: CallError) -> None:
        self._sweep.discard(self)
        if self._error is not None or self._is_complete:
            return
        self._error = error
        if not self.committed.done():
            self.committed.set_exception(error)
        elif self._end is not None and not self._end.done():
            self._end.set_result(None)
