"""Endpoints as the pipeline sees them: anything a call can be sent to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from llmlb_core.domain.results import Delta, Vectors

if TYPE_CHECKING:
    from llmlb_core.domain.calls import Call

Result = Delta | Vectors


class Endpoint(ABC):
    """A registered server, a cloud behind a prefix, or a model on this machine. Routing never knows the difference.

    Attributes:
        id: Stable and unique.
        name: What ``x-llmlb-endpoint`` says.
        kind: ``local``, or the kind of server.
        in_flight: Calls that hold a lease here. Only the stage ``acquire`` changes it.
    """

    id: str
    name: str
    kind: str
    in_flight: int = 0

    @property
    @abstractmethod
    def max_in_flight(self) -> int:
        """How many calls may hold a lease at a time."""

    @property
    @abstractmethod
    def unroutable_reason(self) -> str | None:
        """None where a call may be sent here now, else why not, for people."""

    @abstractmethod
    def open(self, call: Call, model: str) -> AsyncIterator[Result]:
        """Send *call*, as a call of *model*, and yield what comes back.

        Closing the iterator (``aclose``) cancels the work within 1 s.

        Raises:
            CallError: Before or between results; ``is_retryable`` says whether another candidate may be tried.
        """
