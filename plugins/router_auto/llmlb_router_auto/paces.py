"""How slow each endpoint is, compared with the others, learned from the calls that ended.

What a first token takes depends on the prompt far more than on the endpoint. So each call is compared with calls of its own kind
(model, operation, streamed or not, size within a factor of two) over all endpoints: 1.0 is as long as such calls usually take.
"""

from __future__ import annotations

from collections import OrderedDict

from attrs import define

from llmlb_core import UNKNOWN, Feedback, Record

FLOOR_S = 0.025
"""Added to both sides of every comparison, so that 5 ms of difference are never more than a fifth."""

LEAST_COUNT = 4
"""Calls before an endpoint's pace counts."""

SHARE = 0.05
"""Of the latest call, once there were twenty; before that all count alike."""

STALE_S = 30.0
"""An endpoint that served nothing for so long is tried again, one call at a time, whatever was learned."""

SWEEP_S = 1.0
MAX_KINDS = 4096
MAX_ENDPOINTS = 10_000


@define
class Usual:
    """Calls of one kind, over all endpoints."""

    seconds: float = 0.0
    count: int = 0


@define
class Pace:
    """One endpoint.

    Attributes:
        ratio: Its time to the first token, compared with the usual.
        seconds: The same time as it is.
        measured_at: End of the latest call.
    """

    ratio: float = 1.0
    seconds: float = 0.0
    count: int = 0
    measured_at: float = 0.0


class Paces(Feedback):
    """Learns from every call that was answered.

    Attributes:
        known: Paces that count, by name of the endpoint; what choices read.
        seconds: Times to the first token, likewise.
        stale: Endpoints that served nothing of late.
        far: Endpoints that are beyond reach of the fastest.
    """

    name = "paces"

    def __init__(self, reach: float) -> None:
        """Know nothing."""
        self.known: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.stale: set[str] = set()
        self.far: frozenset[str] = frozenset()
        self._reach = reach
        self._paces: OrderedDict[str, Pace] = OrderedDict()
        self._usual: OrderedDict[tuple[str, str, bool, int], Usual] = OrderedDict()
        self._swept_at = 0.0

    def on_end(self, record: Record) -> None:
        """Learn from *record*, where an endpoint's answer began."""
        now = record.started_at + record.duration_s
        if record.served_by and record.first_token_s is not None:
            seconds = record.first_token_s - record.queue_wait_s
            for attempt in record.attempts:
                seconds -= attempt.duration_s
            self._learn(record, max(seconds, 0.0), now)
        if now - self._swept_at > SWEEP_S:
            self._sweep(now)

    def _learn(self, record: Record, seconds: float, now: float) -> None:
        kind = (record.model, record.operation, record.stream, record.bytes_in.bit_length())
        usual = self._usual.get(kind)
        if usual is None:
            usual = self._usual[kind] = Usual()
            if len(self._usual) > MAX_KINDS:
                self._usual.popitem(last=False)
        usual.count += 1
        usual.seconds += max(SHARE, 1 / usual.count) * (seconds - usual.seconds)
        pace = self._paces.get(record.served_by)
        if pace is None:
            pace = self._paces[record.served_by] = Pace()
            if len(self._paces) > MAX_ENDPOINTS:
                self._forget(self._paces.popitem(last=False)[0])
        pace.measured_at = now
        pace.count += 1
        share = max(SHARE, 1 / pace.count)
        pace.ratio += share * ((seconds + FLOOR_S) / (usual.seconds + FLOOR_S) - pace.ratio)
        pace.seconds += share * (seconds - pace.seconds)
        if pace.count >= LEAST_COUNT:
            self.known[record.served_by] = pace.ratio
            self.seconds[record.served_by] = pace.seconds
        self.stale.discard(record.served_by)

    def _sweep(self, now: float) -> None:
        """Find who served nothing of late, and who is far behind."""
        self._swept_at = now
        self.stale = {name for name, pace in self._paces.items() if now - pace.measured_at > STALE_S}
        limit = self._reach * min(self.known.values(), default=UNKNOWN)
        self.far = frozenset([name for name, ratio in self.known.items() if ratio > limit])

    def _forget(self, name: str) -> None:
        self.known.pop(name, None)
        self.seconds.pop(name, None)
