"""The engine, its format and its plugin keep the contracts, with a real pipeline."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest
from llmlb_engine_diffusers.format import DiffusersFormat
from llmlb_testing.contracts import ImageEngineContract, ModelFormatContract, PluginContract


class TestDiffusersEngine(ImageEngineContract):
    """The fixture ``engine`` is the one that all tests here share."""


class TestDiffusersFormat(ModelFormatContract):
    """``model_index.json`` and what lies beside it."""

    @pytest.fixture
    def model_format(self) -> DiffusersFormat:
        """The format."""
        return DiffusersFormat()

    @pytest.fixture
    def good_file(self, pipeline_index: Path, tmp_path: Path) -> Path:
        """A pipeline's index, its parts beside it; damaged copies lie beside them, too."""
        copytree(pipeline_index.parent, tmp_path, dirs_exist_ok=True)
        return tmp_path / pipeline_index.name


class TestDiffusersPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "engine_diffusers"
