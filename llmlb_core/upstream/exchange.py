"""One call at one server: from its request to the last byte of its answer."""

from __future__ import annotations

import asyncio

from llmlb_core.contracts.outlet import Sink
from llmlb_core.contracts.streams import Identity, StreamReader
from llmlb_core.domain.transcript import Transcript
from llmlb_core.errors import CallError, EndpointFailed, EndpointTimeout
from llmlb_core.upstream.connection import Connection
from llmlb_core.upstream.incoming import Incoming
from llmlb_core.upstream.limits import CLIENT_READ_S, READ_ERROR_BYTES, REUSED_S, Limits
from llmlb_core.upstream.pool import Pool
from llmlb_core.upstream.refusals import refusal, retry_after_s, unreachable
from llmlb_core.upstream.sweep import Sweep


class Exchange(Incoming):
    """Sends one request and passes the answer on; of a stream, see ``StreamExchange``.

    Before ``committed`` nothing has reached the client, and a failure may be tried elsewhere. After it ``attach`` lets bytes
    flow to an outlet from the connection's own callbacks; ``finished`` is the one thing to wait for.

    Attributes:
        status: The answer's, 0 before its head came.
        content_type: The answer's.
        usage: What the answer said of its tokens.
        overdue_at: When the server's silence ends the call; see ``Sweep``.
    """

    __slots__ = (
        "__weakref__", "_connection", "_dialing", "_end", "_error", "_is_paused", "_name", "_pool", "_request", "_sent_at",
        "_timed",
    )  # fmt: skip

    is_stream = False
    reader: StreamReader | None = None
    """Of a stream; see ``StreamExchange``."""

    def __init__(self, pool: Pool, limits: Limits, sweep: Sweep, name: str) -> None:
        """Use *pool*; *name* is what errors call the server."""
        super().__init__(pool.loop, limits)
        self._pool, self._timed, self._name = pool, sweep.members, name
        self._request = b""
        self._sent_at = 0.0
        self._connection: Connection | None = None
        self._dialing: asyncio.Task[None] | None = None
        self._is_paused = False
        self._end: asyncio.Future[None] | None = None
        self._error: BaseException | None = None

    # --- what the pipeline calls

    def start(self, request: bytes) -> None:
        """Send *request*, over an idle connection or a new one."""
        self._request = request
        now = self._sent_at = self._loop.time()
        self.overdue_at = now + self._limits.plain_s
        self._timed.add(self)  # the sweep runs since the pool's first connection
        connection = self._pool.take(now)
        if connection is None:
            self._dialing = self._loop.create_task(self._dial(), name="connect")
        else:
            self._send(connection)

    def hasten(self, seconds: float) -> None:
        """Fail unless the first content of a stream comes within *seconds* of the request; of no meaning for a plain answer."""

    def follow(self, delivered: Transcript, identity: Identity | None) -> bool:
        """Say that a plain answer follows none."""
        del delivered, identity
        return False

    def go_on(self, delivered: Transcript, identity: Identity | None, *, is_capped: bool) -> bool:
        """Say that a plain answer goes on with none."""
        del delivered, identity, is_capped
        return False

    def attach(self, outlet: Sink) -> None:
        """Let what is held and what comes flow to *outlet*, whose head is out."""
        self._outlet = outlet
        outlet.source = self
        held, self._held = self._held, b""
        if held:
            outlet.write(bytes(held))
        if outlet.is_paused:
            self.pause()
        elif self._is_paused:
            self.resume()

    async def finished(self) -> None:
        """Return when the whole answer was passed on.

        Raises:
            EndpointFailed: It was cut.
            CancelledError: The client does not read.
        """
        if self._error is None and not self.is_complete:
            self._end = self._loop.create_future()
            await self._end
        if self._error is not None:
            raise self._error

    def abort(self) -> None:
        """Give up: close the connection unless the answer is whole."""
        self._outlet = self._error = None  # whose traceback knows this exchange: no circle
        self._drop()

    def overdue(self) -> None:
        """Something took too long: the server, or the client that does not read what the server sent."""
        if self._is_paused:
            self._drop()
            if self._outlet is not None:
                self._outlet.fail()
            self._settle(asyncio.CancelledError())
        elif self.status and not self._is_passed_on:
            self._drop()
            self._settle(self._refusal())
        else:
            self._drop()
            self._settle(self._too_late())

    # --- what the outlet calls

    def pause(self) -> None:
        """Read no more until the client has read what it was sent."""
        connection = self._connection
        if connection is not None and not self._is_paused and not connection.transport.is_closing():
            self._is_paused = True
            self.overdue_at = self._loop.time() + CLIENT_READ_S
            connection.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self._is_paused:
            return
        self._is_paused = False
        connection = self._connection
        if connection is not None:
            self.overdue_at = self._loop.time() + self._next_limit_s()
            if not connection.transport.is_closing():
                connection.transport.resume_reading()

    # --- what the connection calls

    def complete(self, parts: list[bytes], *, is_certain: bool = True) -> None:
        """The answer is whole with *parts*; or its connection was closed where only that could tell (not *is_certain*)."""
        connection, self._connection = self._connection, None  # it is the pool's again, or closed: what follows must not touch it
        if self._is_paused and connection is not None and not connection.transport.is_closing():
            connection.transport.resume_reading()
        self._is_paused = False
        if parts or self.problem is not None:
            self.arrived(parts)
        if self._error is not None:
            return
        self._timed.discard(self)
        if not self._is_passed_on:
            self._settle(self._refusal())
            return
        problem = self._problem_at_end(is_certain=is_certain)
        if problem is not None:
            self.fail(problem)
            return
        self.is_complete = True
        self._settle(None)

    def lost(self, connection: Connection) -> None:
        """The connection closed before the answer was whole."""
        self._connection = None
        if connection.is_reused and not connection.has_answered and self._loop.time() - self._sent_at < REUSED_S:
            # The server had closed the idle connection as we took it. What it closed before it could see the request is sent
            # again, on a new connection, so at most once; no attempt counts. HTTP alone cannot tell that from a server that
            # read a POST and died, so only what is lost at once, without a byte of an answer, is taken for it (nginx and
            # haproxy do the same); a server that worked for a while and died has failed, and the next candidate is tried.
            self._dialing = self._loop.create_task(self._dial(), name="connect")
        elif self.status and not self._is_passed_on:
            self._drop()
            self._settle(self._refusal())
        else:
            self._drop()
            self._settle(EndpointFailed(f"Endpoint '{self._name}' closed the connection before its answer was complete."))

    def fail(self, reason: str | CallError) -> None:
        """The server broke HTTP's or the dialect's rules, or refuses what another one may take."""
        self._drop()
        if isinstance(reason, str):
            reason = EndpointFailed(f"Endpoint '{self._name}' failed: {reason}.")
        self._settle(reason)

    # --- inside

    def _next_limit_s(self) -> float:
        """Return how long it may be silent from now on."""
        return self._limits.plain_s

    def _too_late(self) -> EndpointTimeout:
        """Return what the server's silence means."""
        return EndpointTimeout(f"Endpoint '{self._name}' did not complete its answer within {self._limits.plain_s:g} s.")

    def _read_error(self, body: bytes) -> CallError | None:
        read = self._pool.read_error
        if read is None:
            return None
        headers = {"content-type": self.content_type}
        if self._retry_after is not None:
            headers["retry-after"] = self._retry_after
        error = read(self.status, headers, body[:READ_ERROR_BYTES])
        wait_s = retry_after_s(self._retry_after)
        if error is not None and wait_s is not None:
            error.retry_after_s = wait_s
        return error

    def _refusal(self) -> CallError:
        """Return what an answer that is not passed on means: by its own words, or by its status."""
        told = bytes(self._tail)
        return self._read_error(told) or refusal(self._name, self.status, self._retry_after, told)

    async def _dial(self) -> None:
        connect_s = self._limits.connect_s
        try:
            connection = await self._pool.connect(connect_s)
        except TimeoutError:
            self._lose(EndpointTimeout(f"Endpoint '{self._name}' did not accept a connection within {connect_s:g} s."))
        except OSError as error:
            self._lose(unreachable(self._name, error))
        except Exception:
            # Whatever else TLS libraries raise: a call that waits must hear of it.
            self._lose(EndpointFailed(f"Endpoint '{self._name}' cannot be reached: connecting failed unexpectedly."))
            raise  # to the loop, which logs it
        else:
            self._dialing = None
            if connection.is_lost:
                self.lost(connection)
                return
            self._send(connection)

    def _send(self, connection: Connection) -> None:
        self._connection = connection
        connection.send(self, self._request)

    def _lose(self, error: CallError) -> None:
        """No connection came about."""
        self._dialing = None  # the task that says so
        self._drop()
        self._settle(error)

    def _drop(self) -> None:
        """Let go of the connection, or of its coming about."""
        self._timed.discard(self)
        if self._dialing is not None:
            self._dialing.cancel()
            self._dialing = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def _settle(self, error: BaseException | None) -> None:
        """Tell whoever waits how it ended; the first end counts."""
        if self._error is not None:
            return
        self._error = error
        if not self.committed.done():
            if error is None:
                self.committed.set_result(None)
            else:
                self.committed.set_exception(error)
        elif self._end is not None and not self._end.done():
            self._end.set_result(None)
