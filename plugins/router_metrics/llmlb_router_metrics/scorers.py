"""What health checks tell, as scores. What is not told, or is older than two minutes, is unknown and decides nothing.

So the ladder of 589f2df1-F16 needs no code: without GPU figures the active calls decide, without those the capability, without
that the turn.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import STALE_S, UNKNOWN, Call, Candidate, EndpointFacts, Scorer


def fresh_facts(call: Call, candidate: Candidate) -> EndpointFacts | None:
    """Return what the last health check told, where it is not too old."""
    facts = candidate.endpoint.facts
    return None if facts is None or call.head.received_at - facts.measured_at > STALE_S else facts


class OfFacts(Scorer):
    """A scorer that knows nothing but facts, and is done at once where there are none."""

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the score of each, or None where nothing is told of any."""
        for each in candidates:
            if each.endpoint.facts is not None:
                return super().scores(call, candidates)
        return None


class GpuLimit(OfFacts):
    """0 where the GPUs are not too busy, else 1."""

    name = "gpu_limit"
    reason = "GPU not overloaded"
    asks = ("endpoint.gpu_facts",)

    def __init__(self, percent: float) -> None:
        """Call more than *percent* overloaded."""
        self._limit = percent / 100

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return 0 or 1."""
        facts = fresh_facts(call, candidate)
        return UNKNOWN if facts is None or facts.gpu_busy_0_1 is None else float(facts.gpu_busy_0_1 > self._limit)


class VramLimit(OfFacts):
    """0 where GPU memory is not too full, else 1."""

    name = "vram_limit"
    reason = "GPU memory not full"
    asks = ("endpoint.gpu_facts",)

    def __init__(self, percent: float) -> None:
        """Call more than *percent* overloaded."""
        self._limit = percent / 100

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return 0 or 1."""
        facts = fresh_facts(call, candidate)
        return UNKNOWN if facts is None or facts.vram_used_0_1 is None else float(facts.vram_used_0_1 > self._limit)


class ActiveCalls(Scorer):
    """Calls that run there: what it says or what was sent there, whichever is more, so that none is counted twice."""

    name = "active_calls"
    reason = "fewest active calls"

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return how many; never unknown."""
        facts = fresh_facts(call, candidate)
        return max(candidate.in_flight, 0 if facts is None else facts.active_count or 0)

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float]:
        """Return the same of each."""
        score = self.score
        return [each.in_flight if each.endpoint.facts is None else score(call, each) for each in candidates]


class GpuCapability(OfFacts):
    """What the GPUs can do, best first (589f2df1-F13)."""

    name = "gpu_capability"
    reason = "highest capability"
    asks = ("endpoint.gpu_facts",)

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the capability below zero, because lower is better; it does not grow old."""
        del call
        facts = candidate.endpoint.facts
        return UNKNOWN if facts is None or facts.gpu_score is None else -facts.gpu_score


class LoadScore(Scorer):
    """GPU use and calls in one number: 0.3 of the one, 0.7 of the other (05098000-F16)."""

    name = "load_score"
    reason = "lowest load score"

    def __init__(self, full_count: int) -> None:
        """Take *full_count* calls as a full load."""
        self._full_count = full_count

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the load, 1.0 = full; a GPU of which nothing is told counts as idle."""
        facts = fresh_facts(call, candidate)
        busy, active = (0.0, 0) if facts is None else (facts.gpu_busy_0_1 or 0.0, facts.active_count or 0)
        return 0.3 * busy + 0.7 * max(candidate.in_flight, active) / self._full_count
