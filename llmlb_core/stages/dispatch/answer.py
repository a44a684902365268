"""An answer that has begun: results to be rendered, or bytes to be passed on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from typing import TYPE_CHECKING

from llmlb_core.contracts.endpoint import Exchange, Result
from llmlb_core.domain.endpoints import Outcome
from llmlb_core.stages.acquire import Lease

if TYPE_CHECKING:
    from llmlb_core.stages.dispatch.tries import Tries


class Answer(ABC):
    """What one endpoint answers under one lease. Close it whatever happens.

    Attributes:
        model: The name of the model that serves the call.
        lease: Given back by ``close``.
        outcome: How it ended, as far as it has.
        tries: What was tried before; None where it was the first attempt.
    """

    tries: Tries | None = None

    def __init__(self, lease: Lease) -> None:
        """Hold *lease*."""
        self.lease = lease
        self.model = lease.target.model
        self.outcome = Outcome.CANCELLED

    @abstractmethod
    def close(self) -> Awaitable[None] | None:
        """Stop the work if it still runs, then give the lease back; what is returned is to be awaited for that."""


class ResultsAnswer(Answer):
    """Results, for the dialect to render."""

    def __init__(self, lease: Lease, head: Sequence[Result], rest: AsyncGenerator[Result, None]) -> None:
        """Begin with *head*, which was read already, and go on with *rest*."""
        super().__init__(lease)
        self._head = head
        self._rest = rest

    async def __aiter__(self) -> AsyncIterator[Result]:
        """Yield every result once."""
        try:
            for result in self._head:
                yield result
            async for result in self._rest:
                yield result
        except Exception:
            self.outcome = Outcome.FAILED
            raise
        self.outcome = Outcome.COMPLETED

    async def close(self) -> None:
        """Stop the work if it still runs, then give the lease back."""
        try:
            await self._rest.aclose()
        finally:
            self.lease.release(self.outcome)


class RelayedAnswer(Answer):
    """Bytes in the client's own dialect."""

    def __init__(self, lease: Lease, exchange: Exchange) -> None:
        """Pass on what *exchange* brings."""
        super().__init__(lease)
        self.exchange = exchange

    async def finished(self) -> None:
        """Return when all of it was passed on."""
        try:
            await self.exchange.finished()
        except Exception:
            self.outcome = Outcome.FAILED
            raise
        self.outcome = Outcome.COMPLETED

    def close(self) -> None:
        """Close the connection unless the answer is whole, then give the lease back."""
        self.exchange.abort()  # also where it is whole: it lets go of the outlet, which knows it
        self.lease.release(self.outcome)
