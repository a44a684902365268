"""Admission: whether a call that finds no free slot waits, and before whom."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import ClassVar

from attrs import define, frozen

from llmlb_core.domain.calls import Call


@frozen
class Load:
    """What a policy may know.

    Attributes:
        waiting_count: Calls waiting in all queues.
        queue_size: How many may.
        free_count: Free slots among this call's candidates.
        has_waiters: Whether somebody waits for one of the same candidates already; a new call never passes them.
        mean_service_s: Mean time that a lease of these candidates lasted, or None before the first.
        queue: Which queue this call would wait in: equal for calls with the same candidates.
        passed_key: Largest sort key that one of these candidates has served. Keys of overlapping queues are compared with one
            another, so a key far below it would starve others, and one far above would starve this call.
        weight: Share of this call's principal, from ``[admission] weights`` or the principal itself; above 0.
    """

    waiting_count: int
    queue_size: int
    free_count: int
    has_waiters: bool
    mean_service_s: float | None
    queue: Hashable = None
    passed_key: float = 0.0
    weight: float = 1.0


@frozen
class Admit:
    """Take a slot now."""


@frozen
class Wait:
    """Wait; smaller keys first, arrival order among equals."""

    sort_key: float


@frozen
class Reject:
    """Do not wait: 429 with this ``Retry-After``."""

    retry_after_s: float


@define
class Waiter:
    """What a policy knows of a waiting call when it is granted a lease or leaves."""

    call: Call
    sort_key: float
    queue: Hashable = None


class AdmissionPolicy(ABC):
    """Decides; the core owns the queue, its bound, its deadlines and the hand-over of leases.

    Sync, on the event loop, a few microseconds.

    Attributes:
        name: What settings call it.
    """

    name: ClassVar[str]

    def admits_at_once(self, call: Call, queue: frozenset[str]) -> bool:
        """Whether *call* may have a slot that is free while nobody waits at all; False = ask ``decide``. Far cheaper than that.

        Args:
            call: What is to be placed.
            queue: Ids of the endpoints it may go to, as in ``Load.queue``.
        """
        del call, queue
        return False

    @abstractmethod
    def decide(self, call: Call, load: Load) -> Admit | Wait | Reject:
        """Say what happens to a call. ``Admit`` where nothing is free or somebody waits is treated as ``Wait(inf)``."""

    def granted(self, waiter: Waiter) -> None:
        """A waiter got its lease."""

    def left(self, waiter: Waiter) -> None:
        """A waiter gave up: cancelled or timed out."""
