"""The llama.cpp engine, its format and its plugin keep the contracts; the engine on a real model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from llmlb_engine_llamacpp.format import GGUFFormat
from llmlb_testing.contracts import EmbeddingEngineContract, ModelFormatContract, PluginContract, TextEngineContract


@pytest.mark.model
class TestLlamaCppText(TextEngineContract):
    """Text; the fixture ``engine`` is the one that all tests here share."""


@pytest.mark.model
class TestLlamaCppEmbeddings(EmbeddingEngineContract):
    """Vectors."""


class TestGGUF(ModelFormatContract):
    """Headers of GGUF files."""

    @pytest.fixture
    def model_format(self) -> GGUFFormat:
        """The format."""
        return GGUFFormat()

    @pytest.fixture
    def good_file(self, write_gguf: Callable[..., Path], small_values: dict[str, object]) -> Path:
        """A file of a few hundred bytes."""
        return write_gguf(small_values)


class TestLlamaCppPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "engine_llamacpp"
