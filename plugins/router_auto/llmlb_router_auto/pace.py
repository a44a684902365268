"""What is learned: how long calls of one kind take anywhere, and how an endpoint compares with that."""

from __future__ import annotations

from math import sqrt

from attrs import define

from llmlb_core import UNKNOWN, Record

LEAST_COUNT = 4
"""Calls before an endpoint's pace counts."""

MANY = 20
SHARE = 1 / MANY
"""Of the latest call, once there were twenty; before that all count alike."""

DOUBT = 3.75
"""Standard errors that an average may be off by chance, times 1.25 because deviations are averaged and not squared."""

SETTLED_DOUBT = DOUBT * sqrt(SHARE / (2 - SHARE))
"""The same, once there were twenty calls: deviations that a pace may be off by chance."""


@define
class Usual:
    """Calls of one kind, over all endpoints: what their first token takes where nothing is before them.

    Attributes:
        count: Of calls, up to twenty.
        is_settled: Whether there were twenty.
    """

    seconds: float = 0.0
    count: int = 0
    is_settled: bool = False

    def learn(self, own_s: float) -> None:
        """Note one more call."""
        self.count = min(self.count + 1, MANY)
        self.is_settled = self.count == MANY
        self.seconds += 1 / self.count * (own_s - self.seconds)


@define
class Pace:
    """One endpoint.

    Attributes:
        ratio: Its time to the first token, compared with the usual.
        deviation: How far single calls are from it, on average.
        count: Of calls, up to twenty.
        measured_at: End of the latest call.
        proven: The ratio, as far from 1.0 as the calls prove: what may be chance is taken off. Without this, equal endpoints
            would be told apart by luck, and the lucky one would get most of the calls.
        idle_proven: The same, but unknown while there is a reason to try the endpoint.
        is_settled: Whether there were twenty calls, and no reason to try it.
        doubts: Deviations within which the ratio proves nothing; below 0 where something is proven, for then the next call is to
            prove it anew.
        reads_until: When it will have read what it was sent, on the scale of ``Call.head.received_at``.
    """

    ratio: float = 1.0
    deviation: float = 0.0
    count: int = 0
    measured_at: float = 0.0
    proven: float = 1.0
    idle_proven: float = UNKNOWN
    is_settled: bool = False
    doubts: float = SETTLED_DOUBT
    reads_until: float = 0.0

    def learn(self, ratio: float) -> None:
        """Note one more call."""
        self.count = min(self.count + 1, MANY)
        share = 1 / self.count
        difference = ratio - self.ratio
        self.ratio += share * difference
        self.deviation += share * (abs(difference) - self.deviation)
        if self.count >= LEAST_COUNT:
            self.prove()

    def prove(self) -> None:
        """Say what the calls prove."""
        share = 1 / self.count
        doubt = DOUBT * self.deviation * sqrt(share / (2 - share))
        self.proven = max(1.0, self.ratio - doubt) if self.ratio > 1.0 else min(1.0, self.ratio + doubt)
        self.idle_proven = self.proven
        self.is_settled = self.count == MANY
        self.doubts = SETTLED_DOUBT if self.proven == 1.0 else -SETTLED_DOUBT

    def doubt(self) -> None:
        """Count as unknown, until it is tried again."""
        self.idle_proven = UNKNOWN
        self.is_settled = False


def last_attempt_s(record: Record, first_token_s: float) -> float:
    """Return the time to the first token without what passed before the endpoint that answered was asked."""
    seconds = first_token_s - record.queue_wait_s
    for attempt in record.attempts:
        seconds -= attempt.duration_s
    return max(seconds, 0.0)
