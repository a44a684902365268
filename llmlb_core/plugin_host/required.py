"""Insists on what settings say of plugins: who may come in, and by which settings, is never decided by what happened to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from llmlb_core.errors import PluginRequired, SettingsInvalid
from llmlb_core.plugin_host.discovery import package_of
from llmlb_core.plugin_host.faults import mend_by_upgrade, table_mends
from llmlb_core.plugin_host.registry import Registry
from llmlb_core.plugin_host.status import PluginStatus

if TYPE_CHECKING:
    from llmlb_core.settings.sections import Settings


def check_required(settings: Settings, statuses: Sequence[PluginStatus], registry: Registry) -> None:
    """Return where everything required is active.

    Required are ``[plugins] required`` and every name in ``[auth] authenticators`` and ``authorizers``; the latter not where
    authentication is off, and not where no plugin is installed at all: the core alone serves nothing that needs a guard.

    Raises:
        SettingsInvalid: A ``[plugins.<name>]`` table does not fit its plugin, where that plugin is enabled.
        PluginRequired: Naming the first that is not active.
    """
    for status in statuses:
        # A table that nobody could read is the operator's mistake, like any other wrong setting; a settings class that is
        # wrong in itself is the plugin's, and stays its status.
        if status.phase == "settings" and status.mend in table_mends(status.name):
            prefix = "" if (status.reason or "").startswith("plugins.") else f"plugins.{status.name}: "
            raise SettingsInvalid(f"{prefix}{status.reason}")
    for name in settings.plugins.required:
        known = [status for status in statuses if status.name == name]
        if not any(status.state == "active" for status in known):
            raise PluginRequired(_message(f"plugin {name!r}", "[plugins] required", name, known))
    if settings.auth.is_disabled or all(status.state == "missing" for status in statuses):
        return
    _check_auth("authenticator", settings.auth.authenticators, registry.authenticators, statuses)
    _check_auth("authorizer", settings.auth.authorizers, registry.authorizers, statuses)


def _check_auth(kind: str, names: Iterable[str], contributed: Iterable[str], statuses: Sequence[PluginStatus]) -> None:
    """Compare what settings name with what active plugins contribute."""
    for name in names:
        if name in contributed:
            continue
        plugin = f"auth_{name}"
        # A plugin that was collected says what it contributes; one that broke earlier is known by its conventional name.
        known = [status for status in statuses if f"{kind}:{name}" in status.contributes and status.state != "active"]
        known = known or [status for status in statuses if status.name == plugin]
        raise PluginRequired(_message(f"{kind} {name!r}", f"[auth] {kind}s", plugin, known))


def _message(what: str, where: str, plugin: str, known: Sequence[PluginStatus]) -> str:
    """Say what is required by what, why it is not there, and what mends that."""
    if not known or known[0].state == "missing":
        return f"{what} is required by {where}, but is not installed; pip install {package_of(plugin)}"
    status = known[0]
    if status.state == "active":
        return f"{what} is required by {where}, but plugin {status.name} does not contribute it; correct {where} in llmlb.toml"
    mend = status.mend
    if mend == mend_by_upgrade(status.name, status.distribution):  # whose second half, disabling it, is no way out here
        mend = f"pip install --upgrade {status.distribution}"
    said = f"{what} is required by {where}, but plugin {status.name} is {status.state}: {status.reason}"
    return f"{said}; {mend}" if mend else said
