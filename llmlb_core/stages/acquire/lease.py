"""A lease: one call's right to one slot of one endpoint."""

from __future__ import annotations

import warnings
from typing import ClassVar, Protocol

from attrs import frozen

from llmlb_core.domain.endpoints import Choice, Outcome
from llmlb_core.errors import CallError


@frozen
class Waiting:
    """Where a call stands when it begins to wait, for ``X-Queue-Position`` and ``X-Estimated-Wait``.

    Attributes:
        position: From 1, among all calls that wait for one of the same endpoints.
        estimate_s: How long it will probably wait; None before any lease was given back.
    """

    position: int
    estimate_s: float | None


class _Keeper(Protocol):
    def give_back(self, lease: Lease, outcome: Outcome, error: CallError | None = None) -> None: ...

    def reclaim(self, lease: Lease) -> None: ...

    def proved(self, lease: Lease) -> None: ...


class Lease:
    """One slot of one endpoint. Whoever has it calls ``release``, once, whatever happens.

    Attributes:
        choice: The router's choice, with its reason.
        endpoint: Where the call goes.
        granted_at: When it was given.
        is_probe: Whether it is the one call that a half-open breaker lets through; such a one says ``proved`` when it commits.
        target: The model, under the name that the endpoint knows.
        waited_s: Time between asking and having; exactly 0 where nothing was waited for.
        position: Place in the queue when the wait began; 0 where nothing was waited for.
    """

    __slots__ = ("_is_released", "_keeper", "choice", "endpoint", "granted_at", "position", "target", "waited_s")
    is_probe: ClassVar[bool] = False

    def __init__(self, keeper: _Keeper, choice: Choice, granted_at: float, waited_s: float, position: int) -> None:
        """Made by the stage, which has counted it already."""
        self._keeper = keeper
        self.granted_at = granted_at
        self._is_released = False
        self.choice = choice
        self.endpoint = choice.candidate.endpoint
        self.target = choice.candidate.target
        self.waited_s = waited_s
        self.position = position

    @property
    def is_released(self) -> bool:
        """Whether the slot was given back."""
        return self._is_released

    def release(self, outcome: Outcome, error: CallError | None = None) -> None:
        """Give the slot back and hand it to the next waiter, in this very step. Further calls do nothing.

        Args:
            outcome: How it ended; a client that left is ``CANCELLED``, without an error.
            error: What the endpoint failed with; the breaker of the endpoint and the model tells from it what it means.
        """
        if not self._is_released:
            self._is_released = True
            self._keeper.give_back(self, outcome, error)

    def proved(self) -> None:
        """The endpoint answers: first content is there. Closes its breaker where this call was let through to try it."""

    def __del__(self) -> None:
        """Give back what somebody forgot, and say so: a leaked slot would be missing until the next start."""
        if not getattr(self, "_is_released", True):
            self._is_released = True
            self._keeper.reclaim(self)
            warnings.warn(f"a lease of endpoint {self.endpoint.name!r} was dropped unreleased", ResourceWarning, stacklevel=2)


class Probe(Lease):
    """The lease of the one call that a half-open breaker lets through."""

    __slots__ = ()
    is_probe = True

    def proved(self) -> None:
        """Close the breaker now, not when the answer has ended: others wait for it."""
        self._keeper.proved(self)
