"""A pipeline of random weights, made once; the engine and a server with it loaded."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import pytest
from llmlb_engine_diffusers.engine import DiffusersEngine
from llmlb_engine_diffusers.format import DiffusersFormat
from llmlb_testing.engines import loaded
from llmlb_testing.pipelines import write_tiny_pipeline
from llmlb_testing.server import LiveServer, run_llmlb
from PIL import Image

TIMEOUT_S = 120.0


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


@pytest.fixture(scope="session")
def server(pipeline_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that has the tiny pipeline, added as a user adds one."""
    data_dir = tmp_path_factory.mktemp("pictures") / "data"
    added = run_llmlb(data_dir, "models", "add", f"file:{pipeline_index.parent}")
    assert 0 == added.returncode, added.stdout + added.stderr
    live = LiveServer.start(data_dir, "[models.tiny.options]\nsteps = 4\n[workers]\nwarmup_wait_s = 100\nthreads = 1\n")
    yield live
    assert 0 == live.stop()


@pytest.fixture(scope="session")
def client(server: LiveServer) -> Iterator[openai.OpenAI]:
    """The SDK; it does not try again, so that every answer is seen."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=TIMEOUT_S) as client:
        yield client


def file_of(picture: Image.Image) -> bytes:
    """Return *picture* as a PNG file."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def half_mask(side: int) -> bytes:
    """Return a mask whose left half is transparent."""
    mask = Image.new("RGBA", (side, side), "black")
    mask.paste((0, 0, 0, 0), (0, 0, side // 2, side))
    return file_of(mask)


@pytest.fixture(name="file_of")
def file_of_fixture() -> Callable[[Image.Image], bytes]:
    """The function ``file_of``."""
    return file_of


@pytest.fixture(name="half_mask")
def half_mask_fixture() -> Callable[[int], bytes]:
    """The function ``half_mask``."""
    return half_mask
