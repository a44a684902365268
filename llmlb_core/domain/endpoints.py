"""Endpoints and what routing sees of them: candidates, choices, leases, outcomes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import define, frozen

if TYPE_CHECKING:
    from llmlb_core.contracts.endpoint import Endpoint


@frozen
class Target:
    """What a model name resolved to: one model, and the endpoints that have it.

    Attributes:
        model: The served model's own name, after aliases and prefixes.
        endpoints: In stable order; routing decides among them.
    """

    model: str
    endpoints: tuple[Endpoint, ...]


@define
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


@frozen
class Choice:
    """A router's answer: one of the candidates it was given, and why."""

    candidate: Candidate
    reason: str


class Outcome(StrEnum):
    """How a lease ended; what feedback and history are told."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
