"""Messages at registered servers: relayed where a server speaks the API, translated to OpenAI's where it does not."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import httpx
import pytest
from llmlb_testing.doors import open_doors
from llmlb_testing.upstream import FakeUpstream, completion, plain

from llmlb_core.settings.load import load_settings

TOML = """
[auth]
is_disabled = true
[log]
access = false
[health]
interval_s = 0
[plugins]
enabled = ["dialect_anthropic", "dialect_openai", "endpoint_llmlb", "router_auto", "router_basic", "admission_fair"]
[[endpoints]]
name = "gpu-1"
url = "{url}"
{more}
"""
BODY = b'{"model": "large-1", "max_tokens": 64, "odd": [1 , 2], "messages": [{"role":"user","content":"hi"}]}'
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "large-1",
    "content": [{"type": "text", "text": "ok"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 7, "output_tokens": 5},
}


async def answer(visit):
    """Speak both dialects."""
    visit.send(plain(MESSAGE if visit.path == "/v1/messages" else completion("ok")))


@asynccontextmanager
async def serving(tmp_path, more):
    async with FakeUpstream.open(answer) as upstream:
        (tmp_path / "llmlb.toml").write_text(TOML.format(url=upstream.url, more=more))
        settings = load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})
        async with open_doors(settings) as doors, httpx.AsyncClient(base_url=doors.url, timeout=20) as client:
            yield client, upstream


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ('models = ["large-1"]\ndialects = ["openai", "anthropic"]', "/v1/messages"),
        ('models = ["large-1"]', "/v1/chat/completions"),
    ],
)
async def test_a_server_is_sent_what_it_speaks(tmp_path, more, path):
    """By the operator's word: as it was written, or translated; the client sees the same."""
    async with serving(tmp_path, more) as (client, upstream):
        got = await client.post("/v1/messages", content=BODY)

    visit = next(each for each in upstream.visits if each.head.startswith(b"POST"))
    assert (200, "ok", path) == (got.status_code, got.json()["content"][0]["text"], visit.path)
    assert (bytes(visit.body) == BODY) == (path == "/v1/messages")
    assert "odd" not in visit.json or path == "/v1/messages"


async def test_a_client_of_the_other_dialect_reaches_a_server_that_speaks_messages_alone(tmp_path):
    """Translated the other way."""
    async with serving(tmp_path, 'models = ["large-1"]\ndialects = ["anthropic"]') as (client, upstream):
        body = {"model": "large-1", "messages": [{"role": "user", "content": "hi"}]}
        got = await client.post("/v1/chat/completions", content=json.dumps(body))

    visit = next(each for each in upstream.visits if each.head.startswith(b"POST"))
    assert (200, "ok") == (got.status_code, got.json()["choices"][0]["message"]["content"])
    assert "/v1/messages" == visit.path
