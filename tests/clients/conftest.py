"""One server with the real small model and the echo engine, for the clients that people use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anthropic
import openai
import pytest
from llmlb_testing.server import LiveServer, run_llmlb

TOML = """
[models.smollm2]
context_tokens = 2048

[models.echo]
engine = "echo"
capabilities = ["text_generation", "embedding"]

[models.thinker]
engine = "echo"
options = { reply = "<think>Two and two, hm.</think>Four." }
"""


@pytest.fixture(scope="session")
def live_server(starter_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with the models ``smollm2``, ``echo`` and ``thinker``; ``url`` and ``key`` are all that a client needs."""
    data_dir = tmp_path_factory.mktemp("clients") / "data"
    added = run_llmlb(data_dir, "models", "add", f"file:{starter_model}", "--name", "smollm2")
    assert 0 == added.returncode, added.stderr
    server = LiveServer.start(data_dir, TOML)
    yield server
    server.stop()


@pytest.fixture
def client(live_server: LiveServer) -> Iterator[openai.OpenAI]:
    """The official client, unchanged."""
    with openai.OpenAI(base_url=f"{live_server.url}/v1", api_key=live_server.key, max_retries=0, timeout=120) as made:
        yield made


@pytest.fixture
async def async_client(live_server: LiveServer) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official asynchronous client, unchanged."""
    async with openai.AsyncOpenAI(base_url=f"{live_server.url}/v1", api_key=live_server.key, max_retries=0, timeout=120) as made:
        yield made


@pytest.fixture
def claude(live_server: LiveServer) -> Iterator[anthropic.Anthropic]:
    """Anthropic's official client, unchanged."""
    with anthropic.Anthropic(base_url=live_server.url, api_key=live_server.key, max_retries=0, timeout=120) as made:
        yield made


@pytest.fixture
async def async_claude(live_server: LiveServer) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Anthropic's official asynchronous client, unchanged."""
    async with anthropic.AsyncAnthropic(base_url=live_server.url, api_key=live_server.key, max_retries=0, timeout=120) as made:
        yield made
