"""An answer that has begun: its first results, and the rest as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from llmlb_core.contracts.endpoint import Result
from llmlb_core.domain.endpoints import Outcome
from llmlb_core.stages.acquire import Lease


class Answer:
    """Results of one endpoint under one lease. Close it whatever happens.

    Attributes:
        model: The name of the model that serves the call.
        lease: Given back by ``close``.
    """

    def __init__(self, lease: Lease, head: Sequence[Result], rest: AsyncGenerator[Result, None]) -> None:
        """Begin with *head*, which was read already, and go on with *rest*."""
        self.lease = lease
        self.model = lease.target.model
        self._head = head
        self._rest = rest
        self._outcome = Outcome.CANCELLED

    async def __aiter__(self) -> AsyncIterator[Result]:
        """Yield every result once."""
        try:
            for result in self._head:
                yield result
            async for result in self._rest:
                yield result
        except Exception:
            self._outcome = Outcome.FAILED
            raise
        self._outcome = Outcome.COMPLETED

    async def close(self) -> None:
        """Stop the work if it still runs, then give the lease back."""
        try:
            await self._rest.aclose()
        finally:
            self.lease.release(self._outcome)
