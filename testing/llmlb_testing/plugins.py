"""What the host gives a plugin, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llmlb_core import ModelInfo, ModelListing, ModelView, Plugin


class FakeModels(ModelView):
    """The models that a test says."""

    def __init__(self, models: Sequence[ModelInfo] = ()) -> None:
        """Know *models*, in order of id."""
        self._models = sorted(models, key=lambda model: model.id)

    def list(self) -> Sequence[ModelInfo]:
        """All models, in order of id."""
        return self._models

    def find(self, name: str) -> ModelInfo | None:
        """One model, by id or alias."""
        return next((model for model in self._models if name == model.id or name in model.aliases), None)

    async def list_all(self) -> ModelListing:
        """All models; no provider has any."""
        return ModelListing(self._models)


def plugin_context(
    data_dir: Path, *, name: str = "test_plugin", settings: object = None, models: Sequence[ModelInfo] = ()
) -> Plugin:
    """Return a ``Plugin`` as the host would hand it over.

    Args:
        data_dir: Where the plugin may write; usually ``tmp_path``.
        name: Entry-point name.
        settings: An instance of the class that ``llmlb_settings`` names.
        models: What ``plugin.models`` lists.
    """
    return Plugin(name=name, data_dir=data_dir, settings=settings, models=FakeModels(models))
