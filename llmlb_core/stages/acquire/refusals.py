"""What a call is told that gets no lease."""

from __future__ import annotations

import math

from llmlb_core.errors import QueueFull, QueueTimeout

DEFAULT_RETRY_AFTER_S = 5
"""What a refused call is told before the first lease was given back (05098000)."""


def busy_text(model: str, endpoint_count: int, waiting_count: int) -> str:
    """Name the overload (05098000-E4)."""
    busy = f"All {endpoint_count} endpoints of {model!r} are busy" if endpoint_count > 1 else f"{model!r} is busy"
    return f"{busy} and {waiting_count} calls wait already, as many as may"


def queue_full(why: str, estimate_s: float | None) -> QueueFull:
    """Refuse a call; it may come back when, probably, those before it are served, and in a second at the earliest."""
    seconds = DEFAULT_RETRY_AFTER_S if estimate_s is None else max(1, math.ceil(estimate_s))
    return QueueFull(f"{why}. Try again in {seconds} s.", retry_after_s=seconds, extras={"retry_after": seconds})


def queue_timeout(model: str, waited_s: float, waiting_count: int) -> QueueTimeout:
    """Give up for a call that waited in vain."""
    return QueueTimeout(
        f"No slot for {model!r} became free within {waited_s:.0f} s ({waiting_count} calls still wait, over all models). "
        "Try again later, or raise [admission] queue_timeout_s.",
        extras={"waited_secs": round(waited_s)},
    )
