"""What a core without plugins does: it starts, lists plugins, and says what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from llmlb_core.contracts.admission import AdmissionPolicy, Admit, Load, Wait
from llmlb_core.contracts.router import Router
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Choice
from llmlb_core.errors import NoEndpoint


class NoRouter(Router):
    """Stands in where no plugin brings a router and settings name none."""

    name: ClassVar[str] = "none"

    def choose(self, call: Call, candidates: Sequence[Candidate]) -> Choice | None:
        """Refuse every call, naming what to install."""
        del call, candidates
        raise NoEndpoint(
            "No router is installed, so no call can be placed. The kind of plugin is router_: see 'llmlb plugins list'."
        )


class FirstCome(AdmissionPolicy):
    """Stands in where no plugin brings an admission policy and settings name none: first come, first served."""

    name: ClassVar[str] = "first_come"

    def decide(self, call: Call, load: Load) -> Admit | Wait:
        """Admit where something is free and nobody waits."""
        del call
        return Admit() if load.free_count and not load.has_waiters else Wait(0.0)
