"""One plugin on its way through the phases, and the guard that every phase runs in."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

import attrs
from attrs import define, field, frozen

from llmlb_core.contracts.plugin import Plugin
from llmlb_core.errors import PluginConflict, PluginError, PluginIncompatible, SettingsInvalid
from llmlb_core.plugin_host.discovery import Found
from llmlb_core.plugin_host.faults import describe, mend_by_upgrade, table_mends
from llmlb_core.plugin_host.status import Phase, PluginStatus, State

if TYPE_CHECKING:
    import pluggy


@frozen
class Contribution:
    """One object that a hook returned.

    Attributes:
        kind: Such as ``engine``.
        name: Unique within its kind.
        claims: Further keys that nobody else may claim, such as the paths of a dialect.
    """

    kind: str
    name: str
    item: object = field(repr=False)
    claims: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``kind:name``, as in ``[plugins.prefer]``."""
        return f"{self.kind}:{self.name}"

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that it claims."""
        return (self.key, *self.claims)


@define(eq=False)
class PluginRecord:
    """What the host knows of one installed plugin.

    Attributes:
        target: The imported module, or the instance of the plugin's class.
        hooks: Its implementations, by hook name.
        contributions: What it contributes, once the phase ``collect`` went well.
    """

    found: Found
    status: PluginStatus
    target: object = None
    plugin: Plugin | None = None
    hooks: dict[str, pluggy.HookImpl] = field(factory=dict)
    contributions: list[Contribution] = field(factory=list)

    @classmethod
    def of(cls, found: Found) -> PluginRecord:
        """Start as active; a phase that fails changes that."""
        status = PluginStatus(name=found.name, distribution=found.distribution, version=found.version, state="active")
        return cls(found, status)

    @property
    def is_active(self) -> bool:
        """Whether no phase has failed."""
        return self.status.state == "active"

    @property
    def package(self) -> str:
        """The import name of its package."""
        return self.found.value.partition(":")[0].partition(".")[0].strip()

    def guard(self, phase: Phase) -> Guard:
        """Return a context in which the plugin's own code runs: what it raises becomes its status, and nothing more."""
        return Guard(self, phase)

    def fail(self, phase: Phase, error: BaseException) -> None:
        """Leave a status that says what happened and what mends it."""
        state: State = "broken"
        if isinstance(error, PluginConflict):
            state = "conflicted"
        elif isinstance(error, PluginIncompatible):
            state = "incompatible"
        mend = error.mend if isinstance(error, PluginError) else ""
        if isinstance(error, SettingsInvalid):
            mend = table_mends(self.found.name)[0]
        mend = mend or mend_by_upgrade(self.found.name, self.found.distribution)
        reason = describe(error, self.package)
        self.status = attrs.evolve(self.status, state=state, phase=phase, reason=reason, mend=mend)

    def disable(self, reason: str, mend: str) -> None:
        """Leave it out because settings say so; nothing of it is imported."""
        self.status = attrs.evolve(self.status, state="disabled", reason=reason, mend=mend)

    def remark(self, text: str) -> None:
        """Add a sentence to the status of a plugin that stays active."""
        reason = f"{self.status.reason}; {text}" if self.status.reason else text
        self.status = attrs.evolve(self.status, reason=reason)


@define
class Guard:
    """Turns whatever a plugin raises into its status, ``SystemExit`` included; only ``KeyboardInterrupt`` is passed on.

    Attributes:
        phase: Where the plugin is; what is raised now is this phase's.
    """

    record: PluginRecord
    phase: Phase

    def __enter__(self) -> Self:
        """Return this guard, so that its phase can be moved on."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        """Keep what was raised."""
        del traceback
        if error is None:
            return False
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            return False
        self.record.fail(self.phase, error)
        return True
