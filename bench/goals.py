"""The goals of docs/explanation/performance.md, and whether a result meets them."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from bench.result import LIMIT, Result

SUBJECT = "llmlb"


@frozen
class Goal:
    """One figure that llmlb must reach.

    Attributes:
        how: ``ratio`` and ``difference`` are per round to *against*, ``value`` stands alone.
        floor: Never worse than this.
    """

    text: str
    how: str
    scenario: str
    metric: str
    goal: float
    floor: float
    against: str = LIMIT

    def measured(self, result: Result) -> float | None:
        """Return the figure, or None when a side of it was not measured."""
        if self.how == "value":
            return result.median(SUBJECT, self.scenario, self.metric)
        side = result.ratio if self.how == "ratio" else result.difference
        return side(SUBJECT, self.against, self.scenario, self.metric)


GOALS = (
    Goal("CPU per call", "ratio", "call", "cpu_us", 2.0, 2.5),
    Goal("CPU per call", "ratio", "call", "cpu_us", 0.6, 0.9, "sglang-router"),
    Goal("CPU per call", "ratio", "call", "cpu_us", 0.7, 1.0, "vllm-router"),
    Goal("CPU per call", "ratio", "call", "cpu_us", 1 / 300, 1 / 200, "litellm"),
    Goal("CPU per call, 66 KB prompts", "ratio", "call66k", "cpu_us", 2.0, 2.5),
    Goal("CPU per call, 66 KB prompts", "ratio", "call66k", "cpu_us", 0.5, 0.6, "sglang-router"),
    Goal("CPU per streamed event, 500 streams", "ratio", "event", "cpu_us", 1.1, 1.3),
    Goal("CPU per streamed event, 500 streams", "ratio", "event", "cpu_us", 0.7, 0.9, "sglang-router"),
    Goal("added first-token time p50, 500 streams (ms)", "difference", "event", "first_token_p50_ms", 2.0, 5.0),
    Goal("p99 event latency, 500 streams", "ratio", "event", "latency_p99_ms", 0.2, 0.3, "sglang-router"),
    Goal("2,000 streams: errors", "value", "streams2000", "errors", 0, 0),
    Goal("2,000 streams: growth per stream (kB)", "value", "streams2000", "kb_per_stream", 11, 20),
    Goal("p50 latency, one call at a time", "ratio", "latency1", "p50_us", 1.1, 1.5),
)


def judge(result: Result) -> list[dict[str, Any]]:
    """Return every goal with what was measured and a verdict: met, missed, worse than allowed, or not measured."""
    return [_judged(goal, goal.measured(result)) for goal in GOALS]


def _judged(goal: Goal, measured: float | None) -> dict[str, Any]:
    verdict = "not measured"
    if measured is not None:
        verdict = "met" if measured <= goal.goal else "missed" if measured <= goal.floor else "worse than allowed"
    return {
        "goal": goal.text,
        "against": "" if goal.how == "value" else goal.against,
        "how": goal.how,
        "measured": None if measured is None else round(measured, 4),
        "wanted": round(goal.goal, 5),
        "never_worse_than": round(goal.floor, 5),
        "verdict": verdict,
    }
