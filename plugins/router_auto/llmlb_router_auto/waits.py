"""What is expected of an endpoint, from what was learned of its pace."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from llmlb_core import UNKNOWN, Call, Candidate, Filter, Scorer
from llmlb_router_auto.latencies import Latencies
from llmlb_router_auto.pace import LEAST_COUNT
from llmlb_router_auto.paces import Paces


class ExpectedWait(Scorer):
    """How long the first token will probably take: what is still to be read there, then the call itself at the endpoint's pace.

    Of an endpoint that is new, or served nothing for 30 s, nothing is known while nothing runs there: so it is tried, by one call
    at a time.
    """

    name = "expected_wait"
    reason = "lowest expected wait"
    unit = "s"
    asks = ("in_flight",)

    def __init__(self, paces: Paces) -> None:
        """Read *paces*, and tell them what is sent."""
        self._paces = paces
        self._uneven = paces.uneven(0.0)
        self._asked: tuple[Call | None, float] = None, 0.0

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the seconds."""
        self._paces.catch_up()
        return self._scores(call, (candidate,), self._paces.usual_s(call))[0]

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where no call like this one ended yet, or nobody is slow and nobody has to read."""
        paces = self._paces
        if paces.begun_id:
            paces.catch_up()
        usual_s = paces.usual_s(call)
        self._asked = call, usual_s
        if not usual_s or (paces.reads_until <= call.head.received_at and not self._uneven):
            return None
        return self._scores(call, candidates, usual_s)

    def _scores(self, call: Call, candidates: Sequence[Candidate], usual_s: float) -> list[float]:
        now, get = call.head.received_at, self._paces.by_name.get
        return [
            UNKNOWN
            if not usual_s or (pace := get(each.endpoint.name)) is None
            else usual_s * pace.idle_proven
            if not each.in_flight
            else usual_s * pace.proven + pace.reads_until - now
            if pace.reads_until > now
            else usual_s * pace.proven
            for each in candidates
        ]

    def knows(self, tolerance: float) -> Sized:
        """Return who is faster or slower than the others by more than *tolerance*."""
        return self._paces.uneven(tolerance)

    def chosen(self, call: Call, candidate: Candidate) -> None:
        """Note what is to be read there now."""
        paces = self._paces
        if paces.begun_id:
            paces.catch_up()
        if candidate.in_flight:
            asked, usual_s = self._asked
            paces.sent(call, candidate, usual_s if asked is call else paces.usual_s(call), is_idle=False)
        else:
            paces.begun = call, candidate
            paces.begun_id = call.id


class FirstToken(Scorer):
    """How long first tokens took of late, in seconds, whatever was asked."""

    name = "first_token"
    reason = "lowest latency"
    unit = "s"

    def __init__(self, latencies: Latencies, paces: Paces) -> None:
        """Read *latencies*, and of *paces* who is to be tried."""
        self._latencies = latencies
        self._paces = paces

    def knows(self, tolerance: float) -> Sized:
        """Return what was measured."""
        del tolerance
        return self._paces.by_name

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the seconds; unknown as for ``ExpectedWait``."""
        return self.scores(call, (candidate,))[0]

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float]:
        """Return the same of each."""
        del call
        pace_of, latency_of = self._paces.by_name.get, self._latencies.by_name.get
        scores = []
        for each in candidates:
            name = each.endpoint.name
            pace = pace_of(name)
            if pace is None or (pace.idle_proven == UNKNOWN and not each.in_flight):
                scores.append(UNKNOWN)
            else:
                latency = latency_of(name)
                scores.append(0.0 if latency is None else latency.seconds)
        return scores


class RoundTrip(Scorer):
    """How long the last health check took (66555000-F13)."""

    name = "round_trip"
    reason = "lowest latency of its health check"
    unit = "s"

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the seconds."""
        return self.scores(call, (candidate,))[0]

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float]:
        """Return the same of each."""
        del call
        return [
            UNKNOWN if (facts := each.endpoint.facts) is None or facts.latency_s is None else facts.latency_s for each in candidates
        ]


class WithinReach(Filter):
    """Leaves out those that are many times as slow as the fastest, while another one has a slot."""

    name = "within_reach"

    def __init__(self, paces: Paces) -> None:
        """Read *paces*."""
        self._paces = paces
        self.knows = paces.far

    def keep(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return the others, or all where there is no other; one that was not tried for long is tried, by one call at a time."""
        del call
        far = self._paces.far
        if not far:
            return candidates
        kept = [each for each in candidates if each.endpoint.name not in far or self._is_tried(each)]
        return kept or candidates

    def _is_tried(self, candidate: Candidate) -> bool:
        pace = self._paces.by_name.get(candidate.endpoint.name)
        return not candidate.in_flight and (pace is None or pace.idle_proven == UNKNOWN)

    def why_not(self, call: Call, candidate: Candidate) -> str:
        """Say how slow it is."""
        del call
        paces = [each for each in self._paces.by_name.values() if each.count >= LEAST_COUNT]
        pace = self._paces.by_name.get(candidate.endpoint.name)
        ratio = UNKNOWN if pace is None else pace.proven / min([each.proven for each in paces], default=1.0)
        return f"{ratio:.1f} times as slow as the fastest endpoint"
