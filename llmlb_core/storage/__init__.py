"""The database: one Tortoise app per plugin, migrated at start.

Nothing on the request path waits for it: plugins read it into memory when they start and write to it in the background.
Tortoise stays inside this package and inside the row modules of plugins, which import their tools from ``llmlb_core.storage.rows``.

- ``setup``: ``open_storage``, what the server and the commands open.
- ``rows``: what a plugin's row module imports.
- ``check``: what ``llmlb db`` reads.
- ``address``, ``apps``, ``connection``, ``faults``, ``migrations``, ``sqlite_file``: how those work.
"""
