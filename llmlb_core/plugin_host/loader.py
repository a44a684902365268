"""Loads plugins, phase by phase, each plugin in its own guard.

Our own loader, because pluggy's ends with the first plugin that raises. Order: find the entry points (sorted by name), leave out
what settings disable, settle names that two packages claim, then for each plugin read its package's metadata (``compat``), import
it, check its hooks (``register``), structure its table (``settings``), make the instance of a plugin that is a class, and
``collect``; when all are there, ``conflict``. What a plugin does wrong is its status; the other plugins never notice.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Collection, Iterable
from functools import cache, reduce
from importlib import import_module
from typing import TYPE_CHECKING, cast

import attrs
from attrs import frozen

from llmlb_core.contracts.metrics import MetricsView
from llmlb_core.contracts.plugin import ModelView, Plugin
from llmlb_core.errors import PluginBroken
from llmlb_core.plugin_host.collect import collect
from llmlb_core.plugin_host.compat import check_compatibility, installed_version
from llmlb_core.plugin_host.conflicts import settle, settle_names
from llmlb_core.plugin_host.discovery import Found, discover
from llmlb_core.plugin_host.faults import name_type, table_mends
from llmlb_core.plugin_host.hooks import check_hooks, new_manager, register
from llmlb_core.plugin_host.host import PluginHost
from llmlb_core.plugin_host.missing import missing_statuses
from llmlb_core.plugin_host.record import PluginRecord
from llmlb_core.version import __version__

if TYPE_CHECKING:
    from asyncio import Event

    import pluggy

    from llmlb_core.settings.sections import Settings

__all__ = ["PluginHost", "load_plugins"]

_log = logging.getLogger("llmlb.plugins")


@frozen
class _Loading:
    """What one load shares between its plugins."""

    settings: Settings
    models: ModelView | None
    metrics: MetricsView | None
    stopping: Event | None
    manager: pluggy.PluginManager
    hooks: Collection[str] | None
    version_of: Callable[[str], str | None]


def load_plugins(
    settings: Settings,
    models: ModelView | None = None,
    *,
    metrics: MetricsView | None = None,
    stopping: Event | None = None,
    enforce: bool = True,
    hooks: Collection[str] | None = None,
    found: Iterable[Found] | None = None,
) -> PluginHost:
    """Load all plugins that are installed and not disabled. Call it once a process; a plugin's class is called once a load.

    Args:
        settings: Which plugins, and their tables.
        models: What plugins see as ``plugin.models``.
        metrics: What plugins see as ``plugin.metrics``.
        stopping: What plugins see as ``plugin.stopping``.
        enforce: Insist on the required plugins and log those that are not active: a server does; commands, which may be there to
            mend them, do not.
        hooks: Call only these of the hooks that contribute objects; all by default. The command line asks for commands only, and
            so pays for nothing else.
        found: Entry points to load; those of this environment by default.

    Raises:
        PluginRequired: A plugin that settings require is not active. Nothing else a plugin does is raised.
        SettingsInvalid: A ``[plugins.<name>]`` table does not fit its plugin.
        KeyboardInterrupt: Somebody pressed Ctrl-C while a plugin was imported.
    """
    records = [PluginRecord.of(each) for each in (discover() if found is None else found)]
    _leave_out(records, settings)
    settle_names((record for record in records if record.is_active), settings.plugins.prefer)
    loading = _Loading(settings, models, metrics, stopping, new_manager(), hooks, cache(installed_version))
    for record in records:
        if record.is_active:
            _load(record, loading)
    settle(records, settings.plugins.prefer)
    host = PluginHost(records, settings, missing_statuses(settings, {record.found.name for record in records}))
    if enforce:
        for status in host.statuses:
            if status.state not in {"active", "disabled"}:
                _log.warning("plugin %s is %s: %s. Mend: %s", status.name, status.state, status.reason, status.mend)
        host.check_required()
    return host


def _load(record: PluginRecord, loading: _Loading) -> None:
    """Take one plugin through its own phases; the guard is told which it is in."""
    with record.guard("compat") as guard:
        check_compatibility(record.found, __version__, loading.version_of)
        guard.phase = "import"
        target = _import(record.found)
        guard.phase = "register"
        implemented = check_hooks(loading.manager, target)
        guard.phase = "settings"
        record.plugin = _make_plugin(record.found.name, target, implemented, loading)
        guard.phase = "register"
        record.target = cast("Callable[[Plugin], object]", target)(record.plugin) if inspect.isclass(target) else target
        record.hooks = register(loading.manager, record.found.name, record.target)
        guard.phase = "collect"
        record.contributions = collect(record, loading.hooks)


def _leave_out(records: Iterable[PluginRecord], settings: Settings) -> None:
    """Disable what the deny list names and what the allow list does not."""
    allowed, denied = settings.plugins.enabled, settings.plugins.disabled
    for record in records:
        name = record.found.name
        if name in denied:
            record.disable("[plugins] disabled names it", f'remove "{name}" from [plugins] disabled in llmlb.toml')
        elif allowed is not None and name not in allowed:
            record.disable("[plugins] enabled does not name it", f'add "{name}" to [plugins] enabled in llmlb.toml')


def _import(found: Found) -> object:
    """Return the module or class that an entry point names."""
    assert found.entry_point is not None  # checked by `compat`
    module = import_module(found.entry_point.module)
    attribute = found.entry_point.attr
    if not attribute:
        return module
    try:
        target: object = reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        raise PluginBroken(f"module {module.__name__} has no {attribute!r}, which its entry point names") from error
    if not (inspect.isclass(target) or inspect.ismodule(target)):
        raise PluginBroken(f"its entry point names {attribute!r}, {name_type(target)}; expected a module or a class")
    return target


def _make_plugin(name: str, target: object, implemented: dict[str, str], loading: _Loading) -> Plugin:
    """Return the plugin's view of the program, with its table of ``llmlb.toml`` structured.

    Raises:
        SettingsInvalid: The table does not fit the class.
        PluginBroken: There is a table but no class, or the class cannot stand for an absent table.
    """
    settings = loading.settings
    table = settings.plugin_tables.get(name)
    structured: object = None
    cls = _settings_class(target, implemented.get("llmlb_settings"))
    if cls is not None:
        from llmlb_core.settings.load import structure_table

        structured = structure_table(cls, table or {}, ("plugins", name), settings.file)
    elif table:
        keys = ", ".join(table)
        raise PluginBroken(f"it takes no settings, but [plugins.{name}] has {keys}", mend=table_mends(name)[1])
    return Plugin(name, settings.data_dir, structured, models=loading.models, metrics=loading.metrics, stopping=loading.stopping)


def _settings_class(target: object, attribute: str | None) -> type | None:
    """Ask ``llmlb_settings``, before there is an instance."""
    if attribute is None:
        return None
    if inspect.isclass(target) and not isinstance(inspect.getattr_static(target, attribute), staticmethod | classmethod):
        raise PluginBroken(f"{attribute} is called before the class is; put @staticmethod above @hookimpl")
    cls: object = getattr(target, attribute)()
    if cls is None:
        return None
    if not inspect.isclass(cls) or not attrs.has(cls):
        raise PluginBroken(f"{attribute} returned {name_type(cls)}; expected an attrs class or None")
    lacking = [each.name for each in attrs.fields(cls) if each.init and each.default is attrs.NOTHING]
    if lacking:
        raise PluginBroken(f"settings class {cls.__name__} has no default for {', '.join(lacking)}; every setting needs one")
    return cls
