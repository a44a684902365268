"""How slow each endpoint is, and what it still has to read, learned from the calls that ended and from those that were sent.

What a first token takes depends on the prompt far more than on the endpoint. So each call is compared with calls of its own kind
(model, streamed or not, size within a factor of two) over all endpoints: a pace of 1.0 is as long as such calls usually take.
"""

from __future__ import annotations

from collections import OrderedDict
from math import sqrt

from llmlb_core import UNKNOWN, Call, Candidate, Feedback, Record
from llmlb_router_auto.failing import Failures
from llmlb_router_auto.pace import LEAST_COUNT, SHARE, Pace, Usual, last_attempt_s

FLOOR_S = 0.025
"""Added to both sides of every comparison, so that a few milliseconds never look like a slow endpoint."""

STALE_S = 30.0
"""An endpoint that served nothing for so long is tried again, one call at a time, whatever was learned."""

SWEEP_S = 1.0
SIZES = 64
"""Of bodies, in powers of two. Streams have the second half of a table, counted from its end."""

ROUNDING = 1e-9
MAX_MODELS = 2048
MAX_ENDPOINTS = 10_000
MAX_UNDER_WAY = 20_000


class Paces(Feedback):
    """Learns from every call that was answered.

    Attributes:
        by_name: Of endpoints, everyone that was sent a call.
        far: Endpoints that are beyond reach of the fastest.
        reads_until: When all of them together will have read what they were sent.
        begun: The latest call, and the idle endpoint that it went to. What that has to read matters only if another call is placed
            before this one ends, so it is noted no sooner.
        begun_id: The call's id; empty where it was noted, or needs no note any more.
    """

    name = "paces"

    def __init__(self, reach: float, failures: Failures | None = None) -> None:
        """Know nothing; call beyond reach who is *reach* times as slow as the fastest, and pass on to *failures* what failed.

        One feedback that tells another costs half of what two cost.
        """
        self.by_name: OrderedDict[str, Pace] = OrderedDict()
        self.far: set[str] = set()
        self.reads_until = 0.0
        self.begun: tuple[Call, Candidate]
        self.begun_id = ""
        self._reach = reach
        self._failures = failures or Failures(0.0, 0.0)
        self._asides = self._failures.asides
        self._bands: dict[float, tuple[float, float, set[str]]] = {}
        self._usual: OrderedDict[str, list[Usual]] = OrderedDict()
        self._waits: dict[str, float] = {}
        self._sweep_at = SWEEP_S

    def uneven(self, tolerance: float) -> set[str]:
        """Return the names of endpoints, kept up to date: while there is none, all paces are within *tolerance* of each other."""
        if tolerance not in self._bands:
            # Of two that are between the root of 1.2 and its inverse, none is more than 1.2 times the other.
            high = max(1.0, sqrt(1.0 + tolerance) - ROUNDING)
            self._bands[tolerance] = 1 / high, high, set()
            for name, pace in self.by_name.items():
                self._compare(name, pace)
        return self._bands[tolerance][2]

    def usual_s(self, call: Call) -> float:
        """Return what the first token of a call like this one takes where nothing is before it; 0 where that is not known."""
        sizes = self._usual.get(call.model)
        if sizes is None:
            return 0.0
        size = len(call.body).bit_length()
        return sizes[~size if call.stream else size].seconds

    def sent(self, call: Call, candidate: Candidate, usual_s: float, *, is_idle: bool) -> None:
        """Note that *candidate* has to read the prompt of *call*, usually for *usual_s*; after others, unless it was idle."""
        name, now = candidate.endpoint.name, call.head.received_at
        pace = self.by_name.get(name) or self._meet(name)
        begins_at = now
        if not is_idle and pace.reads_until > now:
            begins_at = pace.reads_until
            self.will_wait(call.id, begins_at - now)
        # A whole answer is generated beside others; prompts are read one after the other.
        pace.reads_until = until = begins_at + usual_s * pace.proven / (1 if call.stream else candidate.max_in_flight)
        if until > self.reads_until:  # noqa: PLR1730  # a call costs more than the comparison
            self.reads_until = until

    def catch_up(self) -> None:
        """Note what was ``begun``: before another call is placed, and before anything is learned that would change the note."""
        if self.begun_id:
            self.begun_id = ""
            call, candidate = self.begun
            self.sent(call, candidate, self.usual_s(call), is_idle=True)

    def will_wait(self, call_id: str, seconds: float) -> None:
        """Note that a call has to wait for what was sent before it: this is no fault of its own, and will not be counted as one."""
        self._waits[call_id] = seconds
        if len(self._waits) > MAX_UNDER_WAY:
            del self._waits[next(iter(self._waits))]

    def on_end(self, record: Record) -> None:
        """Learn from *record*, where an endpoint's answer began.

        Every call pays for this. So what almost all have in common is written out, without a call of a method: one more of a kind
        that is well known, by an endpoint that is. ``_learn`` does the same for every call.
        """
        if record.id == self.begun_id:
            self.begun_id = ""  # it was read, whatever else comes
        elif self.begun_id:
            self.catch_up()
        now = record.started_at + record.duration_s
        own_s = record.first_token_s
        if self._waits or self._asides or record.queue_wait_s or record.attempts or record.error_code:
            own_s = self._own_s(record)
        if own_s is not None:
            size = record.bytes_in.bit_length()
            try:
                usual = self._usual[record.model][~size if record.stream else size]
                pace = self.by_name[record.served_by]
            except KeyError:
                self._learn(record, own_s, now)
            else:
                if usual.is_settled and pace.is_settled:
                    usual_s = usual.seconds
                    usual.seconds = usual_s = usual_s + SHARE * (own_s - usual_s)
                    difference = (own_s + FLOOR_S) / (usual_s + FLOOR_S) - pace.ratio
                    pace.ratio = ratio = pace.ratio + SHARE * difference
                    pace.deviation = deviation = pace.deviation + SHARE * (abs(difference) - pace.deviation)
                    pace.measured_at = now
                    if abs(ratio - 1.0) > pace.doubts * deviation:
                        pace.prove()
                        self._compare(record.served_by, pace)
                else:
                    self._learn(record, own_s, now)
        if now > self._sweep_at:
            self._sweep(now)

    def _own_s(self, record: Record) -> float | None:
        """Return what was the call's own time; on the way tell of what failed, and forget that the call had to wait."""
        self._failures.on_end(record)
        backlog_s = self._waits.pop(record.id, 0.0)
        return None if record.first_token_s is None else max(last_attempt_s(record, record.first_token_s) - backlog_s, 0.0)

    def _learn(self, record: Record, own_s: float, now: float) -> None:
        name = record.served_by
        if not name:
            return
        sizes = self._usual.get(record.model)
        if sizes is None:
            sizes = self._usual[record.model] = [Usual() for _ in range(2 * SIZES)]
            if len(self._usual) > MAX_MODELS:
                self._usual.popitem(last=False)
        size = record.bytes_in.bit_length()
        usual = sizes[~size if record.stream else size]
        usual.learn(own_s)
        pace = self.by_name.get(name) or self._meet(name)
        pace.measured_at = now
        pace.learn((own_s + FLOOR_S) / (usual.seconds + FLOOR_S))
        self._compare(name, pace)

    def _compare(self, name: str, pace: Pace) -> None:
        for low, high, names in self._bands.values():
            if low <= pace.proven <= high:
                names.discard(name)
            else:
                names.add(name)

    def _sweep(self, now: float) -> None:
        """Find who is far behind, and who served nothing of late."""
        self._sweep_at = now + SWEEP_S
        known = [(name, pace) for name, pace in self.by_name.items() if pace.count >= LEAST_COUNT]
        limit = self._reach * min([pace.proven for _, pace in known], default=UNKNOWN)
        self.far.clear()
        self.far.update([name for name, pace in known if pace.proven > limit])
        for _, pace in known:
            if now - pace.measured_at > STALE_S:
                pace.doubt()

    def _meet(self, name: str) -> Pace:
        pace = self.by_name[name] = Pace()
        if len(self.by_name) > MAX_ENDPOINTS:
            gone, _ = self.by_name.popitem(last=False)
            for _, _, names in self._bands.values():
                names.discard(gone)
        return pace
