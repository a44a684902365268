"""The states of a registered server, and what moves it from one to another (66555000).

::

    pending --well--> online          pending --fails--> offline (no grace)
    online  --fails--> error          error   --fails--> offline
    error   --well--> online          offline --well--> online

A failure takes a server out of routing at once; the second in a row makes it ``offline``.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from llmlb_core.domain.registration import Condition, EndpointStatus

OFFLINE_AFTER = 2
"""Failures in a row."""
MOST_BACK_OFF = 8
"""Times the interval: how rarely a server is looked at that stays away."""
_ERROR_SHARE = 1 / 3
"""Of the interval: how soon after a first failure the second look follows; both together stay below 60 s of the usual 30."""


def after_success(before: Condition, now: datetime, latency_ms: float | None) -> Condition:
    """Return how a server is that was well at *now*; *latency_ms* None = not measured, the last one stays."""
    return attrs.evolve(
        before,
        status=EndpointStatus.ONLINE,
        latency_ms=before.latency_ms if latency_ms is None else latency_ms,
        last_seen=now,
        last_error=None,
        error_count=0,
        checked_at=now,
    )


def after_failure(before: Condition, now: datetime, error: str) -> Condition:
    """Return how a server is that failed at *now*."""
    count = before.error_count + 1
    is_offline = before.status in (EndpointStatus.PENDING, EndpointStatus.OFFLINE) or count >= OFFLINE_AFTER
    return attrs.evolve(
        before,
        status=EndpointStatus.OFFLINE if is_offline else EndpointStatus.ERROR,
        last_error=error,
        error_count=count,
        checked_at=now,
    )


def wait_s(interval_s: float, condition: Condition) -> float:
    """Return how long to wait until the next look: sooner after a first failure, ever later while a server stays away."""
    if condition.status is EndpointStatus.ERROR:
        return interval_s * _ERROR_SHARE
    if condition.status is EndpointStatus.OFFLINE:
        doublings = max(0, condition.error_count - OFFLINE_AFTER)
        return interval_s * min(MOST_BACK_OFF, 1 << min(doublings, 10))
    return interval_s
