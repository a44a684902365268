"""Streams that could not be gone on with, as measurements; those that were are among the attempts."""

from __future__ import annotations

from llmlb_core.stages.dispatch.resume import ResumeStats
from llmlb_core.telemetry.metrics import Metrics


def watch_resume(metrics: Metrics, stats: ResumeStats) -> None:
    """Show what was too large to be kept, what said something else, and how much text is kept now."""

    def not_kept() -> dict[tuple[str, ...], float]:
        return {("request",): float(stats.too_large_count), ("text",): float(stats.texts.dropped_count)}

    help_ = "Streams of which this was too large to be kept, so that a break could not be mended by it."
    metrics.watch("streams_not_kept", "counter", help_, not_kept, ("what",))
    help_ = "Further answers to calls whose stream broke that said something else."
    metrics.watch("replays_differed", "counter", help_, lambda: stats.differed_count)
    help_ = "Text of running streams that is kept because an endpoint could go on with it."
    metrics.watch("kept_text_bytes", "gauge", help_, lambda: stats.texts.size)
