"""The loaded plugins: their registry, their statuses, and what may still go wrong with them while the server runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from traceback import walk_tb
from typing import TYPE_CHECKING

import attrs

from llmlb_core.contracts.plugin import Plugin
from llmlb_core.errors import CallError, PluginBroken
from llmlb_core.plugin_host.faults import describe
from llmlb_core.plugin_host.filing import file_contributions
from llmlb_core.plugin_host.lifespan import GuardedLifespan, open_lifespan
from llmlb_core.plugin_host.record import PluginRecord
from llmlb_core.plugin_host.registry import Registry
from llmlb_core.plugin_host.required import check_required
from llmlb_core.plugin_host.status import Phase, PluginStatus

if TYPE_CHECKING:
    import click

    from llmlb_core.settings.sections import Settings

_log = logging.getLogger("llmlb.plugins")


class PluginHost:
    """What ``load_plugins`` returns. Lives on one thread, the event loop's where there is one.

    Attributes:
        registry: What active plugins contribute.
    """

    def __init__(self, records: Sequence[PluginRecord], settings: Settings, missing: Sequence[PluginStatus]) -> None:
        """File the contributions of active *records*."""
        self.registry = Registry()
        self._settings = settings
        self._records = tuple(records)
        self._missing = tuple(missing)
        self._refile()

    @property
    def statuses(self) -> tuple[PluginStatus, ...]:
        """One for each installed plugin, and one for each that settings speak of but that is not installed; by name."""
        every = [record.status for record in self._records] + list(self._missing)
        return tuple(sorted(every, key=lambda status: (status.name, status.distribution)))

    def status(self, name: str) -> tuple[PluginStatus, ...]:
        """Return the statuses under one name: none where it is unknown, several where packages fight over it."""
        return tuple(status for status in self.statuses if status.name == name)

    def plugin(self, name: str) -> Plugin:
        """Return what the active plugin *name* was given.

        Raises:
            PluginBroken: No active plugin has this name; says why.
        """
        record = self._active(name)
        if record is not None and record.plugin is not None:
            return record.plugin
        known = self.status(name)
        why = f"is {known[0].state}: {known[0].reason}" if known else "is not installed"
        raise PluginBroken(f"plugin {name!r} {why}", mend=(known[0].mend or "") if known else "")

    def add_commands(self, cli: click.Group) -> None:
        """Add the commands of active plugins to *cli*."""
        for name, command in self.registry.commands.items():
            cli.add_command(command, name)

    def lifespans(self) -> list[tuple[str, AbstractAsyncContextManager[None]]]:
        """Return the lifespans of active plugins, in order of plugin name.

        Enter each in order and leave in reverse (``AsyncExitStack.enter_async_context``). None of them raises for its plugin's
        fault: a plugin that fails to enter becomes broken and is withdrawn from the registry; one that fails to leave is recorded.

        Raises:
            PluginRequired: The hook of a required plugin failed; entering raises it too.
        """
        active_count = sum(record.is_active for record in self._records)
        lifespans: list[tuple[str, AbstractAsyncContextManager[None]]] = []
        for record in self._records:
            if record.is_active and "llmlb_lifespan" in record.hooks:
                with record.guard("lifespan"):
                    context = open_lifespan(record)
                    if context is not None:
                        lifespans.append((record.found.name, GuardedLifespan(context, record, self)))
        if sum(record.is_active for record in self._records) < active_count:
            self._refile()
            self.check_required()
        return lifespans

    def record_failure(self, plugin: str, phase: Phase, error: BaseException) -> None:
        """Keep that *plugin* raised *error*; a count and the last reason, so that a plugin failing for ever costs nothing.

        A fault in the phase ``call`` leaves it active; any other makes it broken and withdraws what it contributed.
        Logged at the first, second, fourth, … time.
        """
        record = self._active(plugin)
        if record is None:
            return
        count = record.status.fault_count + 1
        reason = describe(error, record.package)
        if count & (count - 1) == 0:
            _log.warning("plugin %s failed in phase %s (%d times so far): %s", plugin, phase, count, reason, exc_info=error)
        if phase != "call":
            record.fail(phase, error)
            self._refile()
        record.status = attrs.evolve(record.status, fault_count=count, last_fault=reason)

    def blame(self, error: BaseException) -> None:
        """Find whose fault an error of a call was, and record it; nothing where no plugin's code raised.

        Args:
            error: Names its culprit; or has the frame that raised in its traceback, or in that of its cause.
        """
        name = self.registry.owners.get(getattr(error, "culprit", None) or "")
        cause = error.__cause__ if isinstance(error, CallError) and error.__cause__ is not None else error
        if name is None:
            plugins = {record.package: record.found.name for record in self._records if record.is_active}
            packages = [str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame, _ in walk_tb(cause.__traceback__)]
            name = next((plugins[package] for package in reversed(packages) if package in plugins), None)
        if name is not None:
            self.record_failure(name, "call", cause)

    def check_required(self) -> None:
        """Insist on what settings require.

        Raises:
            PluginRequired: Naming the plugin, why it is not active, and what mends that.
            SettingsInvalid: A plugin's table does not fit it.
        """
        check_required(self._settings, self.statuses, self.registry)

    def _active(self, name: str) -> PluginRecord | None:
        """Return the active record of this name; there is at most one."""
        return next((record for record in self._records if record.found.name == name and record.is_active), None)

    def _refile(self) -> None:
        """Bring the registry in line with the statuses, keeping its mappings."""
        active: Iterable[PluginRecord] = (record for record in self._records if record.is_active)
        file_contributions(self.registry, ((record.found.name, record.contributions) for record in active))
