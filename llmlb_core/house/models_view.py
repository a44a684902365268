"""The models, for plugins that are made before the models are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from llmlb_core.contracts.plugin import ModelInfo, ModelListing

if TYPE_CHECKING:
    from llmlb_core.clouds.lists import CloudLists
    from llmlb_core.house.directory import Directory


class LateModelView:
    """A ``ModelView`` that is empty until the house is open."""

    def __init__(self) -> None:
        """Begin empty."""
        self._view: Directory | None = None
        self._lists: CloudLists | None = None

    def fill(self, view: Directory, lists: CloudLists) -> None:
        """Show *view* from now on, and the *lists* of providers."""
        self._view, self._lists = view, lists

    def list(self) -> Sequence[ModelInfo]:
        """All models, in order of id."""
        return self._view.list() if self._view is not None else ()

    def find(self, name: str) -> ModelInfo | None:
        """One model, by id or alias."""
        if self._view is None or self._lists is None:
            return None
        return self._lists.known(name) if ":" in name and self._view.is_of_cloud(name) else self._view.find(name)

    async def list_all(self) -> ModelListing:
        """All models, and those of providers."""
        listing = ModelListing(()) if self._lists is None else await self._lists.all()
        return evolve(listing, models=(*self.list(), *listing.models))
