"""What is expected of an endpoint, from what was learned of its pace."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import UNKNOWN, Call, Candidate, Filter, Scorer
from llmlb_router_auto.paces import Paces


class ExpectedWait(Scorer):
    """How long the first token will probably take, in multiples of what is usual: the endpoint's pace times its load.

    A full endpoint is taken to be twice as slow as an empty one. Of an endpoint that is new, or served nothing for 30 s, nothing
    is known while nothing runs there: so it is tried, by one call at a time.
    """

    name = "expected_wait"
    reason = "lowest expected wait"
    unit = "× usual"

    def __init__(self, paces: Paces) -> None:
        """Read *paces*."""
        self._paces = paces

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return pace times load."""
        del call
        name, in_flight = candidate.endpoint.name, candidate.in_flight
        pace = self._paces.known.get(name)
        if not in_flight and (pace is None or name in self._paces.stale):
            return UNKNOWN
        return (1.0 if pace is None else pace) * (1.0 + in_flight / candidate.max_in_flight)

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each."""
        paces = self._paces
        known = paces.known
        if paces.stale or len(known) < len(candidates):
            score = self.score
            return [score(call, candidate) for candidate in candidates]
        get = known.get
        return [
            get(each.endpoint.name, UNKNOWN) * (1.0 + each.in_flight / each.max_in_flight)
            if each.in_flight
            else get(each.endpoint.name, UNKNOWN)
            for each in candidates
        ]


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
        name = candidate.endpoint.name
        seconds = self._paces.seconds.get(name)
        if seconds is None or (not candidate.in_flight and name in self._paces.stale):
            return UNKNOWN
        return seconds


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
        paces = self._paces
        far = paces.far
        if not far:
            return candidates
        stale = paces.stale
        kept = [each for each in candidates if (name := each.endpoint.name) not in far or (name in stale and not each.in_flight)]
        return kept or candidates

    def why_not(self, call: Call, candidate: Candidate) -> str:
        """Say how slow it is."""
        del call
        known = self._paces.known
        ratio = known.get(candidate.endpoint.name, UNKNOWN) / min(known.values(), default=UNKNOWN)
        return f"{ratio:.1f} times as slow as the fastest endpoint"
