"""An answer that has begun: results to be rendered, or bytes to be passed on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from typing import TYPE_CHECKING

from llmlb_core.contracts.endpoint import Exchange, Result
from llmlb_core.contracts.streams import Identity
from llmlb_core.domain.endpoints import Outcome
from llmlb_core.domain.results import Delta
from llmlb_core.domain.transcript import Transcript
from llmlb_core.errors import CallError
from llmlb_core.stages.acquire import Lease
from llmlb_core.stages.dispatch.echo import pieces_of

if TYPE_CHECKING:
    from llmlb_core.stages.dispatch.tries import Tries


class Answer(ABC):
    """What one endpoint answers under one lease. Close it whatever happens.

    Attributes:
        model: The name of the model that serves the call.
        lease: Given back by ``close``.
        outcome: How it ended, as far as it has.
        error: What it failed with, if it did.
        tries: What the call was tried at before; None where this is its first attempt.
    """

    error: CallError | None = None
    tries: Tries | None = None

    def __init__(self, lease: Lease) -> None:
        """Hold *lease*."""
        self.lease = lease
        self.model = lease.target.model
        self.outcome = Outcome.CANCELLED

    @property
    @abstractmethod
    def transcript(self) -> Transcript | None:
        """What of a stream was delivered; None where another answer cannot be compared with it."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether more could be added to it: no choice has a finish reason."""

    identity: Identity | None
    """What its events have in common; of results, what they go on with, or are given once they are rendered."""

    @abstractmethod
    def close(self) -> Awaitable[None] | None:
        """Stop the work if it still runs, then give the lease back; what is returned is to be awaited for that."""

    def failed(self, error: Exception) -> None:
        """Note what it broke with."""
        self.outcome = Outcome.FAILED
        if isinstance(error, CallError):
            self.error = error


class ResultsAnswer(Answer):
    """Results, for the dialect to render."""

    def __init__(self, lease: Lease, head: Sequence[Result], rest: AsyncGenerator[Result, None]) -> None:
        """Begin with *head*, which was read already, and go on with *rest*."""
        super().__init__(lease)
        self._head = head
        self._rest = rest
        self._is_told = False
        self._transcript = Transcript()
        self._is_open = True
        self.identity = None

    def goes_on(self, said: Transcript, identity: Identity | None) -> None:
        """Take up what an answer with *identity* delivered; *said* is told of results by whoever held them back."""
        self._is_told, self._transcript, self.identity = True, said, identity

    @property
    def transcript(self) -> Transcript | None:
        """What was delivered."""
        return self._transcript

    @property
    def is_open(self) -> bool:
        """Whether none of its results has a finish reason."""
        return self._is_open

    async def __aiter__(self) -> AsyncIterator[Result]:
        """Yield every result once."""
        try:
            for result in self._head:
                self._note(result)
                yield result
            async for result in self._rest:
                self._note(result)
                yield result
        except Exception as error:
            self.failed(error)
            raise
        self.outcome = Outcome.COMPLETED

    def _note(self, result: Result) -> None:
        if not isinstance(result, Delta):
            return
        if result.finish is not None:
            self._is_open = False
        if not self._is_told:
            for channel, text in pieces_of(result):
                self._transcript.add(channel, text)

    async def close(self) -> None:
        """Stop the work if it still runs, then give the lease back."""
        try:
            await self._rest.aclose()
        finally:
            self.lease.release(self.outcome, self.error)
            self.error = None  # its traceback knows this answer: no circle


class RelayedAnswer(Answer):
    """Bytes in the client's own dialect."""

    def __init__(self, lease: Lease, exchange: Exchange) -> None:
        """Pass on what *exchange* brings."""
        super().__init__(lease)
        self.exchange = exchange

    @property
    def transcript(self) -> Transcript | None:
        """What was delivered."""
        exchange = self.exchange
        reader = exchange.reader
        return reader.transcript if reader is not None and reader.is_comparable and exchange.status == 200 else None

    @property
    def is_open(self) -> bool:
        """What its reader says."""
        reader = self.exchange.reader
        return reader is not None and reader.is_open

    @property
    def identity(self) -> Identity | None:  # type: ignore[override]  # read only here
        """What its events have in common."""
        reader = self.exchange.reader
        return reader.identity if reader is not None else None

    async def finished(self) -> None:
        """Return when all of it was passed on."""
        try:
            await self.exchange.finished()
        except Exception as error:
            self.failed(error)
            raise
        self.outcome = Outcome.COMPLETED

    def close(self) -> None:
        """Close the connection unless the answer is whole, then give the lease back."""
        self.exchange.abort()  # also where it is whole: it lets go of the outlet, which knows it
        self.lease.release(self.outcome, self.error)
        self.error = None  # as above
