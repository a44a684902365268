"""Plugin statuses as JSON values: what ``llmlb plugins --json`` prints and ``GET /v0/plugins`` answers."""

from __future__ import annotations

from typing import Protocol

from llmlb_core.plugin_host.status import PluginStatus


class _HasStatuses(Protocol):
    """A ``PluginHost``."""

    @property
    def statuses(self) -> tuple[PluginStatus, ...]: ...


def report(host: _HasStatuses) -> list[dict[str, object]]:
    """Return one object for each plugin, in order of name, every key always present."""
    return [report_status(status) for status in host.statuses]


def document(host: _HasStatuses) -> dict[str, object]:
    """Return the whole answer: ``{"plugins": […]}``."""
    return {"plugins": report(host)}


def report_status(status: PluginStatus) -> dict[str, object]:
    """Return one status; None where there is nothing to say."""
    return {
        "name": status.name,
        "distribution": status.distribution,
        "version": status.version or None,
        "state": status.state,
        "phase": status.phase,
        "reason": status.reason,
        "mend": status.mend,
        "contributes": list(status.contributes),
        "fault_count": status.fault_count,
        "last_fault": status.last_fault,
    }
