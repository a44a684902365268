"""Another llmlb in a process of its own, asked as a balancer asks it."""

from __future__ import annotations

import pytest
from llmlb_endpoint_llmlb.node import Node
from llmlb_testing.server import LiveServer

from llmlb_core import Capability
from llmlb_core.endpoints.asking import Asker
from llmlb_core.errors import KeyRefused
from llmlb_core.upstream.address import parse_url

TOML = """
[models.echo]
engine = "echo"
parallel_count = 3
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    server = LiveServer.start(tmp_path_factory.mktemp("node"), TOML)
    yield server
    server.stop()


@pytest.fixture
async def asker():
    asker = Asker()
    yield asker
    await asker.close()


async def test_a_node_is_known_and_tells_its_models(node, asker):
    """Detection is certain, models come with capabilities, routes and context (decisions: in flight as it reports)."""
    server = asker.server("node", parse_url(node.url), node.key)

    assert await Node().detect(server)
    (model,) = await Node().list_models(server)
    assert ("echo", (Capability.TEXT_GENERATION,)) == (model.id, model.capabilities)
    assert {"chat_completions", "responses"} <= set(model.apis)


async def test_a_node_tells_its_slots_and_what_is_loaded(node, asker):
    """After a call the model is loaded, and its slots are the node's calls at a time."""
    server = asker.server("node", parse_url(node.url + "/v1"), node.key, deadline_s=60)
    question = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}
    assert (await server.ask("POST", "/v1/chat/completions", question)).is_ok

    report = await Node().check(server)

    assert {"echo"} == report.models_ready
    assert (0, 0, False) == (report.active_count, report.waiting_count, report.is_loading)
    assert report.max_in_flight >= 1
    assert report.version


async def test_a_wrong_key_is_said_in_words(node, asker):
    """``GET /v0/health`` wants the scope ``api``: without it the endpoint's state is a key that is refused (66555000-E6)."""
    for key in (None, "sk_" + "x" * 32):
        with pytest.raises(KeyRefused, match="api_key") as caught:
            await Node().detect(asker.server("node", parse_url(node.url), key))
        assert "sk_" not in caught.value.message
