"""Storage: tables that a plugin owns."""

from __future__ import annotations

from attrs import frozen


@frozen
class StorageApp:
    """One Tortoise app of a plugin. No foreign keys across apps: plain id columns instead.

    Attributes:
        label: The app's label, equal to the plugin's name.
        models: Import path of the module with the models; imported when storage starts.
        migrations: Import path of the package with the migrations, applied at start.
    """

    label: str
    models: str
    migrations: str
