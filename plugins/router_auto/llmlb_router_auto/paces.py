"""How slow each endpoint is, and what it still has to read, learned from the calls that ended and from those that were sent.

What a first token takes depends on the prompt far more than on the endpoint. So each call is compared with calls of its own kind
(model, streamed or not, size within a factor of two) over all endpoints: a pace of 1.0 is as long as such calls usually take.
"""

from __future__ import annotations

from collections import OrderedDict
from math import sqrt

from attrs import define

from llmlb_core import UNKNOWN, Call, Feedback, Record

FLOOR_S = 0.025
"""Added to both sides of every comparison, so that a few milliseconds never look like a slow endpoint."""

LEAST_COUNT = 4
"""Calls before an endpoint's pace counts."""

SHARE = 0.05
"""Of the latest call, once there were twenty; before that all count alike."""

DOUBT = 3.75
"""Standard errors that an average may be off by chance, times 1.25 because deviations are averaged and not squared."""

STALE_S = 30.0
"""An endpoint that served nothing for so long is tried again, one call at a time, whatever was learned."""

SWEEP_S = 1.0
SIZES = 40
"""Of bodies, in powers of two: half a terabyte at most."""

MAX_MODELS = 2048
MAX_ENDPOINTS = 10_000
MAX_UNDER_WAY = 20_000


@define
class Usual:
    """Calls of one kind, over all endpoints: what their first token takes where nothing is before them."""

    seconds: float = 0.0
    count: int = 0


@define
class Pace:
    """One endpoint.

    Attributes:
        ratio: Its time to the first token, compared with the usual.
        deviation: How far single calls are from it, on average.
        seconds: The same time as it is, waiting included.
        measured_at: End of the latest call.
        proven: The ratio, as far from 1.0 as the calls prove: what may be chance is taken off. Without this, equal endpoints
            would be told apart by luck, and the lucky one would get most of the calls.
        idle_proven: The same, but unknown while there is a reason to try the endpoint.
        reads_until: When it will have read what it was sent, on the scale of ``Call.head.received_at``.
    """

    ratio: float = 1.0
    deviation: float = 0.0
    seconds: float = 0.0
    count: int = 0
    measured_at: float = 0.0
    proven: float = 1.0
    idle_proven: float = UNKNOWN
    reads_until: float = 0.0

    def learn(self, ratio: float, seconds: float) -> None:
        """Note one more call."""
        self.count += 1
        share = max(SHARE, 1 / self.count)
        difference = ratio - self.ratio
        self.ratio += share * difference
        self.deviation += share * (abs(difference) - self.deviation)
        self.seconds += share * (seconds - self.seconds)
        if self.count >= LEAST_COUNT:
            doubt = DOUBT * self.deviation * sqrt(share / (2 - share))
            self.proven = max(1.0, self.ratio - doubt) if self.ratio > 1.0 else min(1.0, self.ratio + doubt)
            self.idle_proven = self.proven


class Paces(Feedback):
    """Learns from every call that was answered.

    Attributes:
        by_name: Of endpoints, everyone that was sent a call.
        far: Endpoints that are beyond reach of the fastest.
    """

    name = "paces"

    def __init__(self, reach: float) -> None:
        """Know nothing."""
        self.by_name: OrderedDict[str, Pace] = OrderedDict()
        self.far: frozenset[str] = frozenset()
        self._reach = reach
        self._usual: OrderedDict[str, list[Usual]] = OrderedDict()
        self._waits: dict[str, float] = {}
        self._swept_at = 0.0

    def usual_s(self, call: Call) -> float:
        """Return what the first token of a call like this one takes where nothing is before it; 0 where that is not known."""
        sizes = self._usual.get(call.model)
        # `_kind`, written out: this is asked for every choice
        return 0.0 if sizes is None else sizes[len(call.body).bit_length() + (SIZES if call.stream else 0)].seconds

    def will_wait(self, call_id: str, seconds: float) -> None:
        """Note that a call has to wait for what was sent before it: this is no fault of its own, and will not be counted as one."""
        self._waits[call_id] = seconds
        if len(self._waits) > MAX_UNDER_WAY:
            del self._waits[next(iter(self._waits))]

    def on_end(self, record: Record) -> None:
        """Learn from *record*, where an endpoint's answer began."""
        now = record.started_at + record.duration_s
        backlog_s = self._waits.pop(record.id, 0.0)
        if record.served_by and record.first_token_s is not None:
            seconds = record.first_token_s - record.queue_wait_s
            for attempt in record.attempts:
                seconds -= attempt.duration_s
            self._learn(record, max(seconds, 0.0), backlog_s, now)
        if now - self._swept_at > SWEEP_S:
            self._sweep(now)

    def _learn(self, record: Record, seconds: float, backlog_s: float, now: float) -> None:
        own_s = max(seconds - backlog_s, 0.0)
        sizes = self._usual.get(record.model)
        if sizes is None:
            sizes = self._usual[record.model] = [Usual() for _ in range(2 * SIZES)]
            if len(self._usual) > MAX_MODELS:
                self._usual.popitem(last=False)
        usual = sizes[_kind(record.stream, record.bytes_in)]
        usual.count += 1
        usual.seconds += max(SHARE, 1 / usual.count) * (own_s - usual.seconds)
        name = record.served_by
        pace = self.by_name.get(name) or self.meet(name)
        pace.measured_at = now
        pace.learn((own_s + FLOOR_S) / (usual.seconds + FLOOR_S), seconds)

    def _sweep(self, now: float) -> None:
        """Find who is far behind, and who served nothing of late."""
        self._swept_at = now
        known = [(name, pace) for name, pace in self.by_name.items() if pace.count >= LEAST_COUNT]
        limit = self._reach * min([pace.proven for _, pace in known], default=UNKNOWN)
        self.far = frozenset([name for name, pace in known if pace.proven > limit])
        for _, pace in known:
            if now - pace.measured_at > STALE_S:
                pace.idle_proven = UNKNOWN

    def meet(self, name: str) -> Pace:
        """Return the pace of an endpoint of which nothing is known yet."""
        pace = self.by_name[name] = Pace()
        if len(self.by_name) > MAX_ENDPOINTS:
            self.by_name.popitem(last=False)
        return pace


def _kind(is_stream: bool, size_bytes: int) -> int:  # noqa: FBT001  # two columns of one table
    return size_bytes.bit_length() + (SIZES if is_stream else 0)
