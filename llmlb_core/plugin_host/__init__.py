"""The plugin host: finds plugins, loads each in its own guard, and keeps what they contribute and what became of them.

``loader.load_plugins(settings)`` returns a ``PluginHost``: its ``registry`` has the objects of active plugins by kind and name,
its ``statuses`` one status for every plugin, with the reason and the command that mends it. One broken plugin is one status.
"""
