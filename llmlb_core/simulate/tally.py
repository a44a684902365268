"""What a run comes to."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence

from attrs import define, field, frozen


@frozen
class Times:
    """Seconds, over all calls that came so far."""

    p50_s: float
    p95_s: float
    p99_s: float
    mean_s: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """Return the figures of *seconds*; all 0 where there are none."""
        if not seconds:
            return cls(0.0, 0.0, 0.0, 0.0)
        ordered = sorted(seconds)
        p50, p95, p99 = (ordered[math.ceil(len(ordered) * share) - 1] for share in (0.5, 0.95, 0.99))
        return cls(p50, p95, p99, math.fsum(ordered) / len(ordered))


@frozen
class Result:
    """One router, one trace.

    Attributes:
        calls: How many came.
        errors: Calls that failed, by the code they were answered with.
        first_token: From a call's coming to its first token, wait and failed attempts included.
        total: To its last.
        goodput_0_1: Share of all calls whose first token came in time and whose answer came whole.
        waited_0_1: Share of all calls that waited for a slot.
        queue_mean: Calls that waited, over all of the time.
        cached_0_1: Share of prompt tokens that an endpoint remembered.
        retries: Attempts after a call's first.
        seconds: How long it took, on the virtual clock.
        share_by_endpoint: Of the calls that were served.
        faults: What plugins did wrong, by who did.
    """

    trace: str
    router: str
    calls: int
    served: int
    errors: Mapping[str, int]
    first_token: Times
    total: Times
    goodput_0_1: float
    waited_0_1: float
    queue_mean: float
    queue_max: int
    cached_0_1: float
    retries: int
    seconds: float
    share_by_endpoint: Mapping[str, float]
    faults: Mapping[str, int]


@define
class Tally:
    """Counts while a run goes on; 16 bytes a call."""

    slo_first_token_s: float
    calls: int = 0
    good: int = 0
    waited: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    errors: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)
    _first: array[float] = field(factory=lambda: array("d"))
    _total: array[float] = field(factory=lambda: array("d"))
    _queue: int = 0
    _queue_max: int = 0
    _queue_area: float = 0.0
    _queue_since: float = 0.0

    def queue(self, step: int, now: float) -> None:
        """One call more waits, or one fewer."""
        self._queue_area += self._queue * (now - self._queue_since)
        self._queue_since = now
        self._queue += step
        self._queue_max = max(self._queue_max, self._queue)

    def first_token(self, seconds: float) -> None:
        """A call's first token came."""
        self._first.append(seconds)

    def served(self, first_token_s: float, total_s: float) -> None:
        """A call's answer came whole."""
        self._total.append(total_s)
        if first_token_s <= self.slo_first_token_s:
            self.good += 1

    def result(self, trace: str, router: str, seconds: float, served_by_endpoint: Mapping[str, int]) -> Result:
        """Return the figures."""
        served = sum(served_by_endpoint.values())
        return Result(
            trace=trace,
            router=router,
            calls=self.calls,
            served=served,
            errors=dict(sorted(self.errors.items())),
            first_token=Times.of(self._first),
            total=Times.of(self._total),
            goodput_0_1=_share(self.good, self.calls),
            waited_0_1=_share(self.waited, self.calls),
            queue_mean=_share(self._queue_area, seconds),
            queue_max=self._queue_max,
            cached_0_1=_share(self.cached_tokens, self.prompt_tokens),
            retries=self.retries,
            seconds=seconds,
            share_by_endpoint={name: _share(count, served) for name, count in served_by_endpoint.items()},
            faults=dict(sorted(self.faults.items())),
        )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
