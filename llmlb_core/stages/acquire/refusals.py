"""What a call is told that gets no lease."""

from __future__ import annotations

import math

from llmlb_core.errors import ModelLoading, QueueFull, QueueTimeout

DEFAULT_RETRY_AFTER_S = 5
"""What a refused call is told before the first lease was given back (05098000)."""

_RETRY_LOADING_S = 10


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


def still_loading(model: str, endpoint_count: int, waited_s: float) -> ModelLoading:
    """Give up for a call that waited for a model to load."""
    where = f"on all {endpoint_count} endpoints that have it" if endpoint_count > 1 else "on the only endpoint that has it"
    return ModelLoading(
        f"Model {model!r} is still loading {where}, after {waited_s:.0f} s. Loading goes on; try again in {_RETRY_LOADING_S} s, "
        "or raise [workers] warmup_wait_s.",
        retry_after_s=_RETRY_LOADING_S,
        extras={"waited_secs": round(waited_s)},
    )


def too_many_for_loading(model: str, waiting_count: int, queue_size: int) -> ModelLoading:
    """Refuse a call that would wait for a model to load, while the queue is nearly full (35375000-E1)."""
    return ModelLoading(
        f"Model {model!r} is still loading, and {waiting_count} of at most {queue_size} calls wait already, so no further call "
        f"may wait for it. Try again in {DEFAULT_RETRY_AFTER_S} s.",
        code="queue_full",
        retry_after_s=DEFAULT_RETRY_AFTER_S,
        extras={"retry_after": DEFAULT_RETRY_AFTER_S},
    )
