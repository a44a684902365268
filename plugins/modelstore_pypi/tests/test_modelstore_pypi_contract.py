"""The store of wheels and its plugin keep the contracts; pip finds a wheel that was made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from llmlb_testing.contracts import ModelStoreContract, PluginContract


class TestPyPIStore(ModelStoreContract):
    """A wheel with one model."""

    @pytest.fixture
    def reference(self, publish: Callable[..., Path]) -> str:
        """The package."""
        publish("toy-model", "1.0")
        return "toy-model"


class TestPyPIStorePlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "modelstore_pypi"
