"""Which plugins' tables can be opened, and why the others cannot."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from attrs import frozen

from llmlb_core.contracts.storage import StorageApp
from llmlb_core.errors import PluginBroken


@frozen
class Apps:
    """The apps that a database is opened with.

    Attributes:
        usable: Those whose modules could be imported, in the order given.
        broken: Label and reason of the others; the caller files them with the plugins they belong to.
    """

    usable: tuple[StorageApp, ...]
    broken: tuple[tuple[str, PluginBroken], ...] = ()

    def table(self, connection: str) -> dict[str, dict[str, Any]]:
        """Return the table that Tortoise takes, every app on *connection*."""
        if not self.usable:
            # Tortoise insists on an app and a model, and a core without plugins has neither of its own.
            return {"llmlb": {"models": ["llmlb_core.storage.migration_row"], "default_connection": connection}}
        return {
            app.label: {"models": [app.models], "migrations": app.migrations, "default_connection": connection}
            for app in self.usable
        }


def import_apps(apps: Sequence[StorageApp]) -> Apps:
    """Import the rows and migrations of every app, each in its own guard."""
    usable: list[StorageApp] = []
    broken: list[tuple[str, PluginBroken]] = []
    for app in apps:
        try:
            import_module(app.models)
            package = import_module(app.migrations)
            for _, name, is_package in pkgutil.iter_modules(package.__path__):
                if not is_package and name[0] not in "_~":
                    import_module(f"{app.migrations}.{name}").Migration  # noqa: B018  # a module without one is broken
        except Exception as error:  # noqa: BLE001  # another author's module; the reason becomes the plugin's status
            reason = f"the tables of {app.label} cannot be opened: {type(error).__name__}: {error}"
            broken.append((app.label, PluginBroken(reason, mend=f"reinstall the plugin {app.label}, or disable it")))
        else:
            usable.append(app)
    return Apps(tuple(usable), tuple(broken))
