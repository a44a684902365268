"""A streamed answer: whole events go out as they come, read on the way by the dialect's reader."""

from __future__ import annotations

from math import inf

from llmlb_core.contracts.outlet import Sink
from llmlb_core.contracts.streams import Identity, StreamReader
from llmlb_core.domain.results import Usage
from llmlb_core.domain.transcript import Transcript
from llmlb_core.errors import CallError, EndpointTimeout
from llmlb_core.upstream.connection import Connection
from llmlb_core.upstream.events import EventTooLarge, PartialEvent
from llmlb_core.upstream.exchange import Exchange
from llmlb_core.upstream.faults import error_of
from llmlb_core.upstream.limits import FINISHED_S, MAX_HELD_BYTES, MAX_HELD_EVENTS, Limits
from llmlb_core.upstream.pool import Pool
from llmlb_core.upstream.sweep import Sweep

CUT = "its stream ended before its answer was finished"
_ENDS = (b"\n\n", b"\r\n\r\n")


class StreamExchange(Exchange):
    """An exchange whose answer is a stream of events.

    States (rule 6 of streams): held back, until there is content; flowing; finished, when the reader says that the answer is whole,
    and then complete at the end of the body, or a second later. What ends before it is finished is a failure, however politely
    it ends. Answers that are no success are plain, as everywhere.

    Attributes:
        reader: The dialect's; says what the stream has come to.
    """

    __slots__ = ("_first_by", "_flows", "_idle_s", "_is_event_stream", "_is_following", "_partial", "_read", "reader")

    is_stream = True
    reader: StreamReader

    def __init__(self, pool: Pool, limits: Limits, sweep: Sweep, name: str, reader: StreamReader) -> None:
        """Have events read by *reader*."""
        super().__init__(pool, limits, sweep, name)
        self.reader = reader
        self._read = reader.read
        self._idle_s = limits.idle_s
        self._first_by = 0.0
        self._partial: PartialEvent | None = None
        self._flows = self._is_event_stream = self._is_following = False

    # --- what the pipeline calls

    def start(self, request: bytes) -> None:
        """Send *request*; from now on the server's time runs."""
        super().start(request)
        self._first_by = self._sent_at + self._limits.first_token_s
        self.overdue_at = min(self._first_by, self._sent_at + self._limits.head_s)

    def hasten(self, seconds: float) -> None:
        """Fail unless the first content comes within *seconds* of the request, its head included; see the contract for no limit."""
        self._first_by = min(self._first_by, self._sent_at + seconds)
        self.overdue_at = self._first_by if seconds == inf else min(self.overdue_at, self._first_by)

    def follow(self, delivered: Transcript, identity: Identity | None) -> bool:
        """Go on with an answer of which *delivered* is out, as ``StreamReader.follow`` says; to be called before anything came."""
        self._is_following = self.reader.follow(delivered, identity)
        return self._is_following

    def go_on(self, delivered: Transcript, identity: Identity | None, *, is_capped: bool) -> bool:
        """Take it for the rest of an answer, as ``StreamReader.go_on`` says; to be called before anything came."""
        return self.reader.go_on(delivered, identity, is_capped=is_capped)

    @property
    def content_length(self) -> int | None:
        """None: an error event may end a stream early."""
        return None if self._is_event_stream else super().content_length

    @property
    def usage(self) -> Usage | None:
        """What the stream has said so far."""
        return self.reader.usage

    def overdue(self) -> None:
        """Something took too long; where it is only the end mark, the answer is whole without it."""
        if self.reader.is_finished and not self._is_paused:
            self._whole()
        else:
            super().overdue()

    # --- what the connection calls

    def arrived(self, parts: list[bytes]) -> None:
        """Pass whole events on."""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        outlet = self._outlet
        if outlet is not None and self._flows and data.endswith(b"\n\n"):
            # As in ``_pass_on``, whose call would cost as much as all else here: this is where nearly all events go.
            events = self._read(data)
            self.overdue_at = self._loop.time() + self._idle_s
            if events:
                outlet.write(events)
                if outlet.is_paused:
                    self.pause()
            if not self.reader.is_flowing:
                self._look()
        elif not self._is_event_stream or self.problem is not None:
            super().arrived([data])
        else:
            if self._partial or not data.endswith(_ENDS):
                data = self._whole_events(data)
            if data:
                self._take_events(data)

    def lost(self, connection: Connection) -> None:
        """The connection closed before the body's end; by then the answer may have been whole."""
        if self.reader.is_finished:
            self._whole()
        else:
            super().lost(connection)

    def fail(self, reason: str | CallError) -> None:
        """The server broke a rule, or refuses; after a whole answer that is of no interest."""
        if self.reader.is_finished:
            self._whole()
        else:
            super().fail(reason)

    # --- inside

    def _check_type(self) -> None:
        kind = self.content_type.partition(";")[0].strip().lower()
        self._is_event_stream = kind == "text/event-stream"
        if self._is_event_stream:
            self.overdue_at = self._first_by
        else:
            self.refuse(f"it answered {kind[:40]} where a stream was asked for")

    def _next_limit_s(self) -> float:
        return FINISHED_S if self.reader.is_finished else self._idle_s

    def _too_late(self) -> EndpointTimeout:
        name, limits = self._name, self._limits
        if self.committed.done() or (self._is_following and self._loop.time() < self._first_by):
            return EndpointTimeout(f"Endpoint '{name}' was silent for {limits.idle_s:g} s.", code="stream_stalled")
        if self._loop.time() >= self._first_by:
            told = f"sent nothing of its stream within {self._first_by - self._sent_at:g} s"
            return EndpointTimeout(f"Endpoint '{name}' {told}.", code="first_token_timeout")
        return EndpointTimeout(f"Endpoint '{name}' did not begin its answer within {limits.head_s:g} s.")

    def _pass_on(self, outlet: Sink, data: bytes) -> None:
        """Pass whole events on to the client."""
        events = self._read(data)
        self.overdue_at = self._loop.time() + self._idle_s
        if events:
            outlet.write(events)
            if outlet.is_paused:
                self.pause()
        if not self.reader.is_flowing:
            self._look()

    def _take_events(self, data: bytes) -> None:
        """Pass whole events on; hold them back where no content has come so far."""
        self._flows = not self._partial
        if self._outlet is not None:
            self._pass_on(self._outlet, data)
            return
        reader = self.reader
        events = self._read(data)
        if self._is_following:  # it says all again that was delivered, which may take long
            self.overdue_at = self._loop.time() + self._idle_s
            if not reader.has_content:
                events = b""  # comments: so many of them would commit, and what was delivered would be out of mind
        if events:
            self._hold(events)
        if not reader.is_flowing:
            self._look()
        if not self.committed.done():
            held = self._held
            if reader.has_content or len(held) > MAX_HELD_BYTES or held.count(b"\n\n") > MAX_HELD_EVENTS:
                self.overdue_at = self._loop.time() + self._next_limit_s()
                self._request = b""  # it will not be sent again
                self.committed.set_result(None)

    def _whole_events(self, data: bytes) -> bytes:
        """Return the events that are whole with *data*; keep the rest."""
        if self._outlet is not None:
            self.overdue_at = self._loop.time() + self._idle_s  # a piece of an event is life, too
        self._flows = False
        if self._partial is None:
            self._partial = PartialEvent()
        try:
            return self._partial.add(data)
        except EventTooLarge:
            self.fail("one of its events is too large")
            return b""

    def _look(self) -> None:
        """The stream is finished, or of no use from here on."""
        reader = self.reader
        if reader.is_finished:
            if not self._is_paused:
                self.overdue_at = self._loop.time() + FINISHED_S
        elif reader.fault is not None:
            error = error_of(self._name, reader.fault, self._pool.read_error)
            if reader.fault.last_words and self._outlet is not None:
                self._outlet.write(reader.fault.last_words)
                error.is_told = True
            self.fail(error)

    def _problem_at_end(self, *, is_certain: bool) -> str | CallError | None:
        if not self._is_event_stream:
            return super()._problem_at_end(is_certain=is_certain)
        reader = self.reader
        rest = self._partial.take() if self._partial else b""
        if rest:
            self._deliver(self._read(rest))
            if reader.fault is not None and not reader.is_finished:  # half an event is no event
                return CUT if reader.fault.error is None else error_of(self._name, reader.fault, self._pool.read_error)
        if not reader.ends(is_certain=is_certain):
            return CUT
        self._mark_end()
        return None

    def _whole(self) -> None:
        """The answer is whole, though its body has not ended as it should."""
        if self._error is None and not self.is_complete:
            self._drop()
            self._mark_end()
            self.is_complete = True
            self._settle(None)

    def _mark_end(self) -> None:
        """Add the end mark where the server left it out."""
        self._deliver(self.reader.end())

    def _deliver(self, events: bytes) -> None:
        if events and self._outlet is not None:
            self._outlet.write(events)
        elif events:
            self._hold(events)
