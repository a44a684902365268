"""What became of a plugin: one status each, with the reason and what mends it."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

State = Literal["active", "disabled", "broken", "incompatible", "conflicted", "missing"]
Phase = Literal["compat", "import", "register", "settings", "collect", "conflict", "lifespan", "routes", "call"]


@frozen(kw_only=True)
class PluginStatus:
    """What `llmlb plugins` and ``GET /v0/plugins`` say of one plugin.

    Attributes:
        name: Entry-point name, such as ``engine_llamacpp``. Two distributions may claim one name; both are then conflicted.
        distribution: What pip calls the package that brought it; for a missing plugin, the package that would.
        version: Of that package; empty for a missing plugin.
        state: ``active`` is the only one that takes part in anything.
        phase: Where it stopped; None where it is active or disabled.
        reason: Why it is not active, or a remark on an active one, in a sentence or two.
        mend: The command or edit that repairs it.
        contributes: Keys such as ``engine:llamacpp``; what it would contribute where it is conflicted.
        fault_count: Times it raised in a call since the start.
        last_fault: The last of those.
    """

    name: str
    distribution: str
    version: str
    state: State
    phase: Phase | None = None
    reason: str | None = None
    mend: str | None = None
    contributes: tuple[str, ...] = ()
    fault_count: int = 0
    last_fault: str | None = None
