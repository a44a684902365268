"""A pipeline of random weights, made once, and the engine with it loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from llmlb_engine_diffusers.engine import DiffusersEngine
from llmlb_engine_diffusers.format import DiffusersFormat
from llmlb_testing.engines import loaded
from llmlb_testing.pipelines import write_tiny_pipeline


@pytest.fixture(scope="session")
def pipeline_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``model_index.json`` of a pipeline that draws 32x32 pixels."""
    return write_tiny_pipeline(tmp_path_factory.mktemp("pipelines") / "tiny")


@pytest.fixture(scope="session")
def engine(pipeline_index: Path) -> Iterator[DiffusersEngine]:
    """The engine, with that pipeline loaded; four steps a picture where a request does not say."""
    facts = DiffusersFormat().read_facts(pipeline_index)
    with loaded(DiffusersEngine, path=pipeline_index, facts=facts, options={"steps": 4}) as engine:
        yield engine
