"""What the fault server knows of a request, and what it was told to do with those of one prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from llmlb_core.faults.answers import Asked
from llmlb_core.faults.fault import WORKS, Fault


class Plan:
    """The faults of one prompt's requests, in their order, whichever endpoint they come to; the last one stays.

    Attributes:
        delivered: Set by whoever sees the answer's first content: a break in the middle waits for it (a while), so that it comes
            after the content and not with it.
        visits: Requests so far.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Meet *faults*."""
        self.faults = tuple(faults) or (WORKS,)
        self.delivered = asyncio.Event()
        self.visits: list[Visit] = []

    def next(self) -> Fault:
        """Return the fault of the next request."""
        return self.faults[min(len(self.visits), len(self.faults) - 1)]


class Visit:
    """One request for an answer.

    Attributes:
        endpoint: Which one it came to: the first part of its path.
        fault: What was done to it.
        came_at: On the loop's clock.
        over_at: When it was answered, or broke, or the peer left; None = it is not over.
        is_left: Whether the peer closed the connection before it was answered.
        sent_events: How many were sent.
        is_free: Whether it is no attempt: it was lost on a kept connection before a byte of an answer, which cannot be told from
            one that the server had closed meanwhile, and is sent again at once (rule 2).
    """

    def __init__(self, endpoint: str, asked: Asked, fault: Fault, came_at: float) -> None:
        """Note that it came."""
        self.endpoint = endpoint
        self.asked = asked
        self.fault = fault
        self.came_at = came_at
        self.over_at: float | None = None
        self.is_left = False
        self.sent_events = 0
        self.is_free = False

    def over(self, at: float, *, is_left: bool = False) -> None:
        """Note that it is over; the first end counts."""
        if self.over_at is None:
            self.over_at = at
            self.is_left = is_left

    def document(self) -> dict[str, Any]:
        """Return what the control plane shows."""
        return {
            "endpoint": self.endpoint,
            "prompt": self.asked.prompt,
            "number": self.asked.number,
            "is_stream": self.asked.is_stream,
            "fault": msgspec.to_builtins(self.fault),
            "seconds": None if self.over_at is None else round(self.over_at - self.came_at, 3),
            "is_left": self.is_left,
            "sent_events": self.sent_events,
        }
