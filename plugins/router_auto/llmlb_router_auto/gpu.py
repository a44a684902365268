"""What health checks tell of GPUs. Endpoints that tell nothing are neither preferred nor passed over."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import STALE_S, UNKNOWN, Call, Candidate, Scorer


class GpuOverload(Scorer):
    """Whether the GPUs are too busy, or their memory too full: 0, 1 or 2 of it (589f2df1-F10)."""

    name = "gpu_overload"
    reason = "GPU not overloaded"

    def __init__(self, gpu_percent: float, vram_percent: float) -> None:
        """Call more than this overloaded."""
        self._gpu = gpu_percent / 100
        self._vram = vram_percent / 100

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return how many limits are passed."""
        facts = candidate.endpoint.facts
        if facts is None or call.head.received_at - facts.measured_at > STALE_S:
            return UNKNOWN
        gpu, vram = facts.gpu_busy_0_1, facts.vram_used_0_1
        if gpu is None and vram is None:
            return UNKNOWN
        return float((gpu is not None and gpu > self._gpu) + (vram is not None and vram > self._vram))

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where nothing is told of any."""
        for each in candidates:
            if each.endpoint.facts is not None:
                return super().scores(call, candidates)
        return None


class GpuScore(Scorer):
    """What the GPUs can do, best first (589f2df1-F13)."""

    name = "gpu_score"
    reason = "most capable GPU"

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the score below zero, because lower is better."""
        del call
        facts = candidate.endpoint.facts
        return UNKNOWN if facts is None or facts.gpu_score is None else -facts.gpu_score

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where nothing is told of any."""
        for each in candidates:
            if each.endpoint.facts is not None:
                return super().scores(call, candidates)
        return None
