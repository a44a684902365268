"""Routers: which candidate gets a call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Choice


class Router(ABC):
    """Chooses one candidate.

    Called by the stage ``acquire`` for every lease, on the event loop: sync, no I/O, under 4 µs for four candidates.
    No await happens between the reading of load and the counting of the lease, so what it sees is true.

    Attributes:
        name: What settings call it.
    """

    name: ClassVar[str]

    @abstractmethod
    def choose(self, call: Call, candidates: Sequence[Candidate]) -> Choice | None:
        """Return one of *candidates* with the reason, or None to refuse them all.

        Args:
            call: What is to be placed.
            candidates: At least one; routable and with a free slot; in stable order of ``position``.
        """
