"""The server's side of one call that runs in a worker."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from llmlb_core.contracts.endpoint import Result
from llmlb_core.errors import CallError
from llmlb_core.worker import faults
from llmlb_core.worker.limits import WINDOW_BYTES


class CallStream:
    """Results of one call, in order, with at most a window of them unread.

    The process feeds it from the loop; one reader takes from it. The reader pays back credit as it reads, so that a slow one
    stops its own call in the worker and no other.

    Attributes:
        number: The call's number on the channel.
        has_begun: Whether the worker took the call.
        ended: Set when the worker said that nothing of the call runs any more, or when the worker is gone.
    """

    def __init__(self, number: int, pay: Callable[[int, int], None]) -> None:
        """Start empty.

        Args:
            number: The call's number on the channel.
            pay: Called with the number and how many bytes the reader took.
        """
        self.number = number
        self.has_begun = False
        self.ended = asyncio.Event()
        self._pay = pay
        self._results: deque[tuple[Result, int]] = deque()
        self._error: CallError | None = None
        self._wake = asyncio.Event()
        self._owed_bytes = 0

    def feed(self, result: Result, size_bytes: int) -> None:
        """Take one result from the worker."""
        self._results.append((result, size_bytes))
        self._wake.set()

    def finish(self, error: CallError | None = None) -> None:
        """End the call; the reader gets what was fed first. Only the first call counts."""
        if not self.ended.is_set():
            self._error = error
            self.ended.set()
            self._wake.set()

    async def next(self) -> Result | None:
        """Return the next result, or None at the end.

        Raises:
            CallError: How the call ended, after its last result.
        """
        while not self._results:
            if self.ended.is_set():
                if self._error is not None:
                    raise faults.copy(self._error)
                return None
            self._wake.clear()
            await self._wake.wait()
        result, size_bytes = self._results.popleft()
        self._owed_bytes += size_bytes
        if self._owed_bytes >= WINDOW_BYTES // 4 and not self.ended.is_set():
            self._pay(self.number, self._owed_bytes)
            self._owed_bytes = 0
        return result
