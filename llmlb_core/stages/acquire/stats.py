"""Figures of the queue over the last hour, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import define, frozen

WINDOW_S = 3600.0
BUCKET_S = 60.0


@frozen
class QueueStats:
    """What the dashboard shows (05098000): counts of now, means and totals of the last hour.

    Attributes:
        waiting_count: Calls that wait now.
        processing_count: Leases that are held now.
        avg_wait_time_ms: Mean wait of the calls that waited and got a lease; 0 where none did.
        avg_process_time_ms: Mean time that leases were held; 0 where none was given back.
        timeout_count: Calls that waited in vain.
        rejected_count: Calls that were not allowed to wait.
        served_count: Leases that were given back.
    """

    waiting_count: int
    processing_count: int
    avg_wait_time_ms: float
    avg_process_time_ms: float
    timeout_count: int
    rejected_count: int
    served_count: int = 0


@define
class _Bucket:
    """One minute."""

    began_at: float
    wait_s: float = 0.0
    wait_count: int = 0
    process_s: float = 0.0
    process_count: int = 0
    timeout_count: int = 0
    rejected_count: int = 0


class AcquireStats:
    """Adds up one minute at a time and forgets what is older than an hour.

    Attributes:
        waited_total: Calls that got a lease after a wait, since the start.
        timed_out_total: Calls that waited in vain, since the start.
        rejected_total: Calls that were not allowed to wait, since the start.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin empty."""
        self.waited_total = self.timed_out_total = self.rejected_total = 0
        self._clock = clock
        self._latest = _Bucket(clock())
        self._buckets: deque[_Bucket] = deque([self._latest], maxlen=int(WINDOW_S / BUCKET_S))

    def waited(self, seconds: float) -> None:
        """A call got its lease after a wait."""
        bucket = self._current(self._clock())
        bucket.wait_s += seconds
        bucket.wait_count += 1
        self.waited_total += 1

    def processed(self, seconds: float, now: float) -> None:
        """A lease was given back."""
        bucket = self._latest
        if now >= bucket.began_at + BUCKET_S:
            bucket = self._current(now)
        bucket.process_s += seconds
        bucket.process_count += 1

    def timed_out(self) -> None:
        """A call waited in vain."""
        self._current(self._clock()).timeout_count += 1
        self.timed_out_total += 1

    def rejected(self) -> None:
        """A call was not allowed to wait."""
        self._current(self._clock()).rejected_count += 1
        self.rejected_total += 1

    def snapshot(self, waiting_count: int, processing_count: int) -> QueueStats:
        """Return the figures of the last hour."""
        since = self._clock() - WINDOW_S
        buckets = [bucket for bucket in self._buckets if bucket.began_at > since]
        wait_count = sum(bucket.wait_count for bucket in buckets)
        process_count = sum(bucket.process_count for bucket in buckets)
        return QueueStats(
            waiting_count=waiting_count,
            processing_count=processing_count,
            avg_wait_time_ms=1000 * sum(bucket.wait_s for bucket in buckets) / wait_count if wait_count else 0.0,
            avg_process_time_ms=1000 * sum(bucket.process_s for bucket in buckets) / process_count if process_count else 0.0,
            timeout_count=sum(bucket.timeout_count for bucket in buckets),
            rejected_count=sum(bucket.rejected_count for bucket in buckets),
            served_count=process_count,
        )

    def _current(self, now: float) -> _Bucket:
        if now >= self._latest.began_at + BUCKET_S:
            self._latest = _Bucket(now)
            self._buckets.append(self._latest)
        return self._latest
