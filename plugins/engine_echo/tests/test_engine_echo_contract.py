"""The echo engine and its plugin keep the contracts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from llmlb_engine_echo.engine import EchoEngine
from llmlb_testing.contracts import EmbeddingEngineContract, PluginContract, TextEngineContract
from llmlb_testing.engines import loaded


@pytest.fixture
def engine() -> Iterator[EchoEngine]:
    """The engine with a limit of context, and slow enough to be cancelled."""
    with loaded(EchoEngine, options={"context_tokens": 400, "delay_s": 0.001, "max_concurrency": 8}) as engine:
        yield engine


class TestEchoText(TextEngineContract):
    """Text."""


class TestEchoEmbeddings(EmbeddingEngineContract):
    """Vectors."""


class TestEchoPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "engine_echo"
