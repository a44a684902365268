"""What health checks tell of GPUs. Endpoints that tell nothing are neither preferred nor passed over."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import STALE_S, UNKNOWN, Call, Candidate, Scorer

BEST_SCORE = 10_000.0


class Gpu(Scorer):
    """GPUs that are neither too busy nor too full come first, the most capable first among these (589f2df1-F10, F13)."""

    name = "gpu"
    reason = "GPU that is free and most capable"
    asks = ("endpoint.gpu_facts",)

    def __init__(self, gpu_percent: float, vram_percent: float) -> None:
        """Call more than this overloaded."""
        self._gpu = gpu_percent / 100
        self._vram = vram_percent / 100

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return how many limits are passed, less up to 0.5 for what the GPUs can do."""
        facts = candidate.endpoint.gpu_facts
        if facts is None:
            return UNKNOWN
        capability = facts.gpu_score
        gpu, vram = facts.gpu_busy_0_1, facts.vram_used_0_1
        if call.head.received_at - facts.measured_at > STALE_S:
            gpu = vram = None
        if gpu is None and vram is None and capability is None:
            return UNKNOWN  # what it told was told too long ago
        passed = (gpu is not None and gpu > self._gpu) + (vram is not None and vram > self._vram)
        return passed - (capability or 0.0) / (2 * BEST_SCORE)

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where nothing is told of any."""
        for each in candidates:
            if each.endpoint.gpu_facts is not None:
                return super().scores(call, candidates)
        return None
