"""The database: one Tortoise app per plugin, migrated at start.

Nothing on the request path waits for it: plugins read it into memory when they start and write to it in the background.
Tortoise stays inside this package and inside the row modules of plugins, which import their tools from ``llmlb_core.storage.rows``.
Commands of plugins open the database with ``llmlb_core.storage.open_storage``.

- ``setup``: ``open_storage``, what the server and the commands open.
- ``rows``: what a plugin's row module imports.
- ``check``: what ``llmlb db`` reads.
- ``address``, ``apps``, ``connection``, ``faults``, ``migrations``, ``sqlite_file``: how those work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmlb_core.storage.setup import open_storage as open_storage

__all__ = ["open_storage"]


def __getattr__(name: str) -> object:
    """Import ``open_storage`` on first use: Tortoise costs too much for whoever only imports this package."""
    if name == "open_storage":
        from llmlb_core.storage.setup import open_storage

        return open_storage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
