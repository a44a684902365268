"""Files contributions in the registry, by kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from llmlb_core.plugin_host.record import Contribution
from llmlb_core.plugin_host.registry import EngineEntry, Registry

if TYPE_CHECKING:
    from llmlb_core.contracts.routes import Routes
    from llmlb_core.contracts.storage import StorageApp


def file_contributions(registry: Registry, contributions: Iterable[tuple[str, Iterable[Contribution]]]) -> None:
    """Make *registry* hold exactly these; its mappings stay the same objects.

    Args:
        registry: Changed in place.
        contributions: Plugin name and what it contributes, settled.
    """
    shelves: dict[str, dict[str, Any]] = {
        "engine": registry.engines,
        "store": registry.stores,
        "format": registry.formats,
        "endpoint_kind": registry.endpoint_kinds,
        "router": registry.routers,
        "filter": registry.filters,
        "scorer": registry.scorers,
        "picker": registry.pickers,
        "admission": registry.admission_policies,
        "authenticator": registry.authenticators,
        "authorizer": registry.authorizers,
        "cloud": registry.clouds,
        "dialect": registry.dialects,
        "server_dialect": registry.server_dialects,
        "observer": registry.observers,
        "feedback": registry.feedbacks,
        "body_sink": registry.body_sinks,
        "command": registry.commands,
    }
    for shelf in (*shelves.values(), registry.owners):
        shelf.clear()
    storage_apps: list[StorageApp] = []
    routes: list[tuple[str, Routes]] = []
    for plugin, items in contributions:
        for each in items:
            registry.owners[each.key] = plugin
            if each.kind == "storage":
                storage_apps.append(cast("StorageApp", each.item))
            elif each.kind == "routes":
                routes.append((plugin, cast("Routes", each.item)))
            elif each.kind == "engine":
                registry.engines[each.name] = EngineEntry(plugin, cast("Any", each.item))
            else:
                shelves[each.kind][each.name] = each.item
    registry.storage_apps = tuple(storage_apps)
    registry.routes = tuple(routes)
