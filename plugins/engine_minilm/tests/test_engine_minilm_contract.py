"""The engine, its format and its plugin keep the contracts; the engine on a real model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from llmlb_engine_minilm.format import OnnxFormat
from llmlb_testing.contracts import EmbeddingEngineContract, ModelFormatContract, PluginContract, RerankEngineContract


@pytest.mark.model
class TestMiniLMEmbeddings(EmbeddingEngineContract):
    """Vectors; the fixture ``engine`` is the one that all tests here share."""


@pytest.mark.model
class TestMiniLMRankings(RerankEngineContract):
    """Rankings."""


class TestOnnx(ModelFormatContract):
    """Headers of ONNX files."""

    @pytest.fixture
    def model_format(self) -> OnnxFormat:
        """The format."""
        return OnnxFormat()

    @pytest.fixture
    def good_file(self, write_onnx: Callable[..., Path]) -> Path:
        """A file of a few hundred bytes."""
        return write_onnx()


class TestMiniLMPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "engine_minilm"
