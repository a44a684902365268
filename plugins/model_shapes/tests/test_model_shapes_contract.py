"""The package keeps the contracts of a model store and of a plugin."""

from __future__ import annotations

import pytest
from llmlb_model_shapes.store import ShapesStore
from llmlb_testing.contracts import ModelStoreContract, PluginContract


class TestShapesStore(ModelStoreContract):
    """One model, which is there."""

    @pytest.fixture
    def store(self) -> ShapesStore:
        """The store."""
        return ShapesStore()

    @pytest.fixture
    def reference(self) -> str:
        """The only one."""
        return "v1"


class TestShapesPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "model_shapes"
