"""The models, for plugins that are made before the models are read."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core.contracts.plugin import ModelInfo, ModelView


class LateModelView:
    """A ``ModelView`` that is empty until the house is open."""

    def __init__(self) -> None:
        """Begin empty."""
        self._view: ModelView | None = None

    def fill(self, view: ModelView) -> None:
        """Show *view* from now on."""
        self._view = view

    def list(self) -> Sequence[ModelInfo]:
        """All models, in order of id."""
        return self._view.list() if self._view is not None else ()

    def find(self, name: str) -> ModelInfo | None:
        """One model, by id or alias."""
        return self._view.find(name) if self._view is not None else None
