"""Endpoints and what routing sees of them: candidates, choices, leases, outcomes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from llmlb_core.contracts.endpoint import Endpoint


@define(eq=False)
class Target:
    """What a model name resolved to: one model, and the endpoints that have it. Made once and kept where that is possible.

    Attributes:
        model: The served model's own name, after aliases and prefixes.
        endpoints: In stable order; routing decides among them.
        ids: Of the endpoints.
        candidates: One for each endpoint; whoever looks at them writes in the load of that moment.
        is_fallback: Whether it is not the model that the client named, but one that may stand in for it.
    """

    model: str
    endpoints: tuple[Endpoint, ...]
    is_fallback: bool = False
    ids: frozenset[str] = field(init=False)
    candidates: tuple[Candidate, ...] = field(init=False, repr=False)

    _spoken: dict[str, bool] = field(init=False, factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        """Make what is asked for at every call."""
        self.ids = frozenset([endpoint.id for endpoint in self.endpoints])
        self.candidates = tuple([Candidate(endpoint, self, 0, 0, place) for place, endpoint in enumerate(self.endpoints)])

    def speaks(self, dialect: str) -> bool:
        """Whether every endpoint takes a body of *dialect* as it is."""
        spoken = self._spoken.get(dialect)
        if spoken is None:
            spoken = self._spoken[dialect] = all(endpoint.speaks(dialect) for endpoint in self.endpoints)
        return spoken


@define(eq=False)
class Candidate:
    """One endpoint at the moment of choosing.

    Attributes:
        in_flight: Calls running there now.
        max_in_flight: How many may; routers see only candidates below it.
        position: Index within the target, stable from call to call.
    """

    endpoint: Endpoint
    target: Target
    in_flight: int
    max_in_flight: int
    position: int


@define(eq=False)
class Choice:
    """A router's answer: one of the candidates it was given, and why."""

    candidate: Candidate
    reason: str


class Outcome(StrEnum):
    """How a lease ended; what feedback and history are told."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
