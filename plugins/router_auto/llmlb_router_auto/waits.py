"""What is expected of an endpoint, from what was learned of its pace."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import UNKNOWN, Call, Candidate, Filter, Scorer
from llmlb_router_auto.paces import LEAST_COUNT, Paces


class ExpectedWait(Scorer):
    """How long the first token will probably take: what is still to be read there, then the call itself at the endpoint's pace.

    Of an endpoint that is new, or served nothing for 30 s, nothing is known while nothing runs there: so it is tried, by one call
    at a time.
    """

    name = "expected_wait"
    reason = "lowest expected wait"
    unit = "s"

    def __init__(self, paces: Paces) -> None:
        """Read *paces*, and tell them what is sent."""
        self._paces = paces
        self._asked: tuple[Call | None, float] = None, 0.0

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the seconds."""
        scores = self.scores(call, (candidate,))
        return UNKNOWN if scores is None else scores[0]

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where no call like this one ended yet."""
        usual_s = self._paces.usual_s(call)
        self._asked = call, usual_s
        if not usual_s:
            return None
        now, get = call.head.received_at, self._paces.by_name.get
        scores = []
        for each in candidates:
            pace = get(each.endpoint.name)
            if pace is None:
                scores.append(UNKNOWN)
            elif each.in_flight:
                wait_s = usual_s * pace.proven
                scores.append(wait_s + pace.reads_until - now if pace.reads_until > now else wait_s)
            else:
                scores.append(usual_s * pace.idle_proven)
        return scores

    def chosen(self, call: Call, candidate: Candidate) -> None:
        """Note what is to be read there now."""
        asked, usual_s = self._asked
        if asked is not call:
            usual_s = self._paces.usual_s(call)
        name, now = candidate.endpoint.name, call.head.received_at
        pace = self._paces.by_name.get(name) or self._paces.meet(name)
        backlog_s = 0.0
        if candidate.in_flight and pace.reads_until > now:
            backlog_s = pace.reads_until - now
            self._paces.will_wait(call.id, backlog_s)
        # A whole answer is generated beside others; prompts are read one after the other.
        pace.reads_until = now + backlog_s + usual_s * pace.proven / (1 if call.stream else candidate.max_in_flight)


class FirstToken(Scorer):
    """How long first tokens took of late, in seconds, whatever was asked."""

    name = "first_token"
    reason = "lowest latency"
    unit = "s"

    def __init__(self, paces: Paces) -> None:
        """Read *paces*."""
        self._paces = paces

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the seconds; unknown as for ``ExpectedWait``."""
        del call
        pace = self._paces.by_name.get(candidate.endpoint.name)
        if pace is None or (pace.idle_proven == UNKNOWN and not candidate.in_flight):
            return UNKNOWN
        return pace.seconds


class RoundTrip(Scorer):
    """How long the last health check took (66555000-F13)."""

    name = "round_trip"
    reason = "lowest latency of its health check"
    unit = "s"

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the seconds."""
        del call
        facts = candidate.endpoint.facts
        return UNKNOWN if facts is None or facts.latency_s is None else facts.latency_s


class WithinReach(Filter):
    """Leaves out those that are many times as slow as the fastest, while another one has a slot."""

    name = "within_reach"

    def __init__(self, paces: Paces) -> None:
        """Read *paces*."""
        self._paces = paces

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
