"""When a model that failed is tried again."""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_S = 1.0
LAST_S = 60.0


class Backoff:
    """1, 2, 4 … 60 s between tries; the first failure of a model that worked costs nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a failure."""
        self._clock = clock
        self._failure_count = 0
        self._next_at = 0.0

    @property
    def remaining_s(self) -> float:
        """Seconds until the next try; 0 = now."""
        return max(0.0, self._next_at - self._clock())

    def healthy(self) -> None:
        """A call was answered: what comes next is a first failure again."""
        self._failure_count = 0
        self._next_at = 0.0

    def failed_to_load(self) -> float:
        """Count a failed load; return the delay in seconds, at least 1."""
        self._failure_count = max(self._failure_count, 1)
        return self._delay()

    def crashed(self) -> float:
        """Count a crash after a load; return the delay in seconds, 0 for the first."""
        return self._delay()

    def _delay(self) -> float:
        delay_s = min(LAST_S, FIRST_S * 2 ** min(self._failure_count - 1, 10)) if self._failure_count else 0.0
        self._failure_count += 1
        self._next_at = self._clock() + delay_s
        return delay_s
