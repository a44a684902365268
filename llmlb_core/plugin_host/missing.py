"""Plugins that settings speak of but that are not installed."""

from __future__ import annotations

import difflib
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from llmlb_core.plugin_host.discovery import package_of
from llmlb_core.plugin_host.status import PluginStatus

if TYPE_CHECKING:
    from llmlb_core.settings.sections import Settings


def missing_statuses(settings: Settings, installed: AbstractSet[str]) -> tuple[PluginStatus, ...]:
    """Return one status for each plugin that is required, enabled or has a table, and is not installed."""
    reasons: dict[str, str] = {}
    for name in settings.plugins.required:
        reasons.setdefault(name, "[plugins] required names it")
    for name in settings.plugins.enabled or ():
        reasons.setdefault(name, "[plugins] enabled names it")
    for name in settings.plugin_tables:
        reasons.setdefault(name, f"[plugins.{name}] has settings for it")
    return tuple(
        PluginStatus(
            name=name,
            distribution=package_of(name),
            version="",
            state="missing",
            phase="compat",
            reason=f"{reasons[name]}, but no such plugin is installed",
            mend=_mend(name, installed),
        )
        for name in sorted(reasons.keys() - installed)
    )


def _mend(name: str, installed: AbstractSet[str]) -> str:
    """Return the command, or the edit where the name looks mistyped."""
    near = difflib.get_close_matches(name, installed, n=1, cutoff=0.85)
    command = f"pip install {package_of(name)}"
    return f"write {near[0]!r} in llmlb.toml if that is meant, else {command}" if near else command
