"""An answer as it comes in: its head, what of its body may go out, what it says of itself."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod

from llmlb_core.contracts.outlet import Sink
from llmlb_core.domain.results import Usage
from llmlb_core.errors import CallError
from llmlb_core.upstream.limits import PLAIN_COMMIT_BYTES, READ_ERROR_BYTES, REFUSAL_BYTES, REFUSAL_S, Limits
from llmlb_core.upstream.refusals import is_passed_on
from llmlb_core.upstream.usage import MalformedAnswer, usage_at_end, usage_of_answer

_TAIL_BYTES = 2048
JSON = "application/json"


class Incoming(ABC):
    """The half of an exchange that looks at the answer; ``Exchange`` knows the connection, ``StreamExchange`` events.

    A plain answer is held back until it is whole and found to be JSON, up to a size; so is a refusal.

    Attributes:
        is_complete: Whether all of it has come and is right.
        problem: Why it is of no use.
    """

    __slots__ = (
        "_content_length", "_encoding", "_held", "_is_passed_on", "_limits", "_loop", "_outlet", "_retry_after", "_tail",
        "_usage", "committed", "content_type", "is_complete", "overdue_at", "problem", "status",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        """Expect an answer."""
        self._loop = loop
        self._limits = limits
        self._outlet: Sink | None = None
        self._held: bytes | bytearray = b""
        self._tail = b""
        self.is_complete = self._is_passed_on = False
        self.problem: str | None = None
        self.committed: asyncio.Future[None] = loop.create_future()
        self._usage: Usage | None = None
        self.overdue_at = math.inf
        self.status = 0
        self.content_type = JSON
        self._content_length: int | None = None
        self._retry_after: str | None = None
        self._encoding = ""

    @property
    def content_length(self) -> int | None:
        """The length of the body that will flow, where it is known."""
        return len(self._held) if self.is_complete else self._content_length

    @property
    def usage(self) -> Usage | None:
        """What the answer said of its tokens."""
        return self._usage

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What else of the answer's head the client sees: an allow-list of one."""
        wait = self._retry_after
        return (("retry-after", wait),) if wait is not None and self.status != 200 else ()

    @property
    def told(self) -> bytes:
        """The first bytes of what is held: of a refusal that is passed on, what it says."""
        return bytes(self._held[:READ_ERROR_BYTES])

    # --- what the connection calls

    def forget_head(self) -> None:
        """Forget the headers of a 1xx: the answer's own follow."""
        self.status = 0
        self.content_type = JSON
        self._content_length = self._retry_after = None
        self._encoding = ""

    def header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the answer but its type; *name* is in lower case."""
        if name == b"content-length":
            self._content_length = int(value)  # the parser has seen that it is a number
        elif name == b"retry-after":
            self._retry_after = value.decode("latin-1")
        elif name == b"content-encoding":
            self._encoding = value.decode("latin-1").lower()

    def refuse(self, problem: str) -> None:
        """The head says something that makes the answer useless; what comes next ends the call."""
        self.problem = self.problem or problem

    def head(self, status: int) -> None:
        """The answer's head is complete."""
        self.status = status
        self._is_passed_on = is_passed_on(status)
        if not 200 <= status <= 599:
            self.refuse(f"it answered {status}")
        elif not self._is_passed_on:
            self.overdue_at = min(self.overdue_at, self._loop.time() + REFUSAL_S)
        elif self._encoding and self._encoding != "identity":
            # Nobody asked for it: were it passed on, its events, its usage and its being whole could not be seen.
            self.refuse(f"its answer is encoded ({self._encoding[:20]}), though it was asked for none")
        elif status == 200:
            self._check_type()

    def arrived(self, parts: list[bytes]) -> None:
        """Take what came of the body; of a plain answer nothing is passed on until it commits."""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if self.problem is not None:
            self.fail(self.problem)
        elif self._is_passed_on:
            self._take_plain(data)
        else:
            self._tail += data  # of a refusal nothing is passed on; it is read so that the connection can be kept
            if len(self._tail) > REFUSAL_BYTES:
                self.overdue()

    # --- what an exchange does

    @abstractmethod
    def fail(self, reason: str | CallError) -> None:
        """The server broke HTTP's or the dialect's rules, or refuses what another one may take."""

    @abstractmethod
    def _read_error(self, body: bytes) -> CallError | None:
        """Return what a refusal says in the words of its kind of server; None where it is the client's own."""

    @abstractmethod
    def overdue(self) -> None:
        """It takes too long."""

    @abstractmethod
    def pause(self) -> None:
        """Read no more for a while."""

    # --- inside

    def _check_type(self) -> None:
        """Refuse a good answer that is not of the type that was asked for."""
        if self.content_type != JSON:
            kind = self.content_type.partition(";")[0].strip().lower()
            if kind in ("text/event-stream", "text/html"):
                self.refuse(f"it answered {kind} where JSON was asked for")

    def _problem_at_end(self, *, is_certain: bool) -> str | CallError | None:
        """Say what is wrong with the whole of an answer that is passed on, if anything is.

        Without a length or chunks (not *is_certain*) an end looks as a cut does.
        """
        if self.committed.done():
            self._usage = usage_at_end(self._tail)
            is_cut = not is_certain and self.status == 200 and not self._tail.rstrip().endswith(b"}")
            return "it closed the connection before its answer was complete" if is_cut else None
        if self.status == 200 and JSON in self.content_type.lower():
            try:
                self._usage = usage_of_answer(self._held)
            except MalformedAnswer as malformed:
                return str(malformed)
        elif self.status != 200:
            return self._read_error(bytes(self._held))
        return None

    def _take_plain(self, data: bytes) -> None:
        """Hold a plain answer back until it is whole, or too long for that."""
        if self.committed.done():
            self._tail = (self._tail + data)[-_TAIL_BYTES:]
        outlet = self._outlet
        if outlet is not None:
            outlet.write(data)
            if outlet.is_paused:
                self.pause()
            return
        self._hold(data)
        if len(self._held) > PLAIN_COMMIT_BYTES and not self.committed.done():
            self._tail = bytes(self._held[-_TAIL_BYTES:])
            self.pause()  # until an outlet is attached: what is held stays bounded
            self.committed.set_result(None)

    def _hold(self, data: bytes) -> None:
        if not self._held:
            self._held = data
        elif isinstance(self._held, bytearray):
            self._held += data
        else:
            self._held = bytearray(self._held) + data
