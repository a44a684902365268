"""What an endpoint says of itself when its health is checked: for routers that want to know more than how many calls run."""

from __future__ import annotations

from attrs import frozen

STALE_S = 120.0
"""Facts that are older tell nothing any more (589f2df1)."""


@frozen
class EndpointFacts:
    """One answer of a health check; whatever the server does not tell is None (589f2df1-F9, 5cd7b614).

    Attributes:
        measured_at: ``time.monotonic()`` of the answer.
        version: Of the server's program.
        latency_s: How long the check took (66555000-F13).
        gpu_busy_0_1: How busy its GPUs are, 1.0 = all the time.
        vram_used_0_1: How full their memory is.
        gpu_score: What they can do, 0 to 10,000 (5cd7b614-F10).
        gpu_count: How many it has; 0 = none, None = not told.
        active_count: Calls that run there, whoever sent them.
    """

    measured_at: float
    version: str | None = None
    latency_s: float | None = None
    gpu_busy_0_1: float | None = None
    vram_used_0_1: float | None = None
    gpu_score: float | None = None
    gpu_count: int | None = None
    active_count: int | None = None

    @property
    def tells_gpu(self) -> bool:
        """Whether it tells how busy, how full or how capable GPUs are."""
        return self.gpu_busy_0_1 is not None or self.vram_used_0_1 is not None or self.gpu_score is not None
