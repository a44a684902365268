"""Endpoints as the pipeline sees them: anything a call can be sent to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import Future
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from llmlb_core.contracts.outlet import Sink
from llmlb_core.contracts.streams import Identity, StreamReader
from llmlb_core.domain.facts import EndpointFacts
from llmlb_core.domain.media import MediaResult
from llmlb_core.domain.results import Delta, Usage, Vectors

if TYPE_CHECKING:
    from llmlb_core.contracts.endpoint_kind import Continuation
    from llmlb_core.domain.breaker import Breaker
    from llmlb_core.domain.calls import Call
    from llmlb_core.domain.transcript import Transcript

Result = Delta | Vectors | MediaResult


class Exchange(Protocol):
    """One relayed call: bytes flow from the server's connection to the outlet without a task.

    Attributes:
        is_complete: Whether all of the answer is here and was found right.
        committed: Done when content is there; failed with a ``CallError`` where another candidate may be tried.
        status: Of the answer; likewise its ``content_type``, and its ``content_length`` where that is known.
        reader: Of a stream, says what it has come to; None of a plain answer.
    """

    is_complete: bool
    committed: Future[None]
    status: int
    content_type: str
    reader: StreamReader | None

    @property
    def usage(self) -> Usage | None:
        """What the answer said of its tokens so far."""
        ...

    @property
    def content_length(self) -> int | None:
        """See the class."""
        ...

    @property
    def told(self) -> bytes:
        """The first bytes of what is held back: of a refusal that is passed on, what it says."""
        ...

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Further headers of the answer that the client is to see."""
        ...

    def hasten(self, seconds: float) -> None:
        """Fail with ``EndpointTimeout`` unless a stream's first content comes within *seconds* of the request, head included.

        ``math.inf`` = the endpoint's own limit for that holds for its head, too: nothing else could serve the call.
        """
        ...

    def follow(self, delivered: Transcript, identity: Identity | None) -> bool:
        """Go on with an answer of which *delivered* is out already; False = that cannot be done. See ``StreamReader.follow``."""
        ...

    def go_on(self, delivered: Transcript, identity: Identity | None, *, is_capped: bool) -> bool:
        """Take what comes for the rest of an answer; False = that cannot be done. See ``StreamReader.go_on``."""
        ...

    def attach(self, outlet: Sink) -> None:
        """Let the answer's body flow to *outlet*, whose head is out."""
        ...

    async def finished(self) -> None:
        """Return when all of it was passed on; raises ``CallError`` where it was cut."""
        ...

    def abort(self) -> None:
        """Stop; closes the connection unless the answer is whole."""
        ...

    def pause(self) -> None:
        """See ``Source``."""
        ...

    def resume(self) -> None:
        """See ``Source``."""
        ...


class Endpoint(ABC):
    """A registered server, a cloud behind a prefix, or a model on this machine. Routing never knows the difference.

    Attributes:
        id: Stable and unique.
        name: What ``x-llmlb-endpoint`` says.
        kind: ``local``, or the kind of server.
        in_flight: Calls that hold a lease here. Only the stage ``acquire`` changes it.
        facts: What its last health check told; None where there was none, or where it told nothing.
        gpu_facts: The same where it tells something of GPUs, else None: where nobody has a GPU, routers see it at a glance.
            Whoever sets ``facts`` sets both.
        breakers: By model, those that remember a failure; None where nothing failed lately. Only ``Breakers`` changes it.
        tripped: Those of them that are not closed; None where all are, so that a look at a healthy endpoint is one test.
        is_loading: Whether it is not routable only because it still loads: a call that nothing else can serve waits for it.
        call_count: Calls that began here since the start. Only the stage ``dispatch`` changes it.
        switch_s: How long the first content of a stream may take, where another endpoint or a fallback model could serve it.
        may_continue: Whether ``continuation`` ever returns one: only then texts of streams are kept.
    """

    id: str
    name: str
    kind: str
    in_flight: int = 0
    facts: EndpointFacts | None = None
    gpu_facts: EndpointFacts | None = None
    breakers: dict[str, Breaker] | None = None
    tripped: dict[str, Breaker] | None = None
    is_loading: bool = False
    call_count: int = 0
    switch_s: float = 10.0
    may_continue: bool = False

    @property
    @abstractmethod
    def max_in_flight(self) -> int:
        """How many calls may hold a lease at a time."""

    @property
    @abstractmethod
    def unroutable_reason(self) -> str | None:
        """None where a call may be sent here now, else why not, for people."""

    def why_not(self, model: str, now: float) -> str | None:
        """Return why no call of *model* is sent here at *now* (``time.monotonic()``), for people; None where one may be.

        A circuit breaker keeps calls of one model away; what else there may be, keeps all away.
        """
        if self.unroutable_reason is not None:
            return self.unroutable_reason
        breaker = None if self.tripped is None else self.tripped.get(model)
        return None if breaker is None or not breaker.is_blocked else breaker.reason(now)

    def takes(self, model: str) -> bool:
        """Whether calls of *model* are sent here as soon as a slot is free; a pause of a few seconds is no obstacle."""
        if self.unroutable_reason is not None:
            return False
        breaker = None if self.tripped is None else self.tripped.get(model)
        return breaker is None or not breaker.is_blocked or breaker.is_brief

    def context_tokens(self, model: str) -> int | None:
        """Return the window of *model* here; None where it is not known."""
        del model
        return None

    def speaks(self, dialect: str) -> bool:
        """Whether calls of *dialect* pass through as bytes, by ``relay``; else they are sent by ``open``."""
        del dialect
        return False

    def relay(self, call: Call, model: str) -> Exchange:
        """Send the body of *call* as it is, but for the model's name, and return the exchange that passes the answer on."""
        raise NotImplementedError(f"endpoint {self.name!r} relays nothing")

    def continuation(self, call: Call, delivered: str) -> Continuation | None:
        """Return what makes it go on with the answer to *call* of which *delivered* is out; None = it cannot."""
        del call, delivered
        return None

    def leaves_out(self, call: Call, model: str) -> tuple[str, ...]:
        """Return the canonical names of what *call*, sent to *model* by ``open``, is made without; the client is told."""
        del call, model
        return ()

    @abstractmethod
    def open(self, call: Call, model: str) -> AsyncIterator[Result]:
        """Send *call*, as a call of *model*, and yield what comes back.

        Closing the iterator (``aclose``) cancels the work within 1 s.

        Raises:
            CallError: Before or between results; ``is_retryable`` says whether another candidate may be tried.
        """
