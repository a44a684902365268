"""Messages through a whole server and real sockets: relayed to servers that speak the API, translated for others, recorded."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from llmlb_testing.doors import open_doors
from llmlb_testing.spoken import PlainDialect
from llmlb_testing.upstream import FakeUpstream, chunk, plain, sse_head

from llmlb_core.settings.load import load_settings

GOLDEN = Path(__file__).parent / "golden"
TOML = """
[auth]
is_disabled = true
[log]
access = false
[plugins]
enabled = ["dialect_anthropic", "dialect_openai", "router_auto", "router_basic", "admission_fair"]
[dispatch]
back_off_s = 0.001
max_back_off_s = 0.001
[clouds.acme]
dialect = "{dialect}"
base_url = "{url}"
api_keys = [{{ file = "key" }}]
"""
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "large-1",
    "content": [{"type": "text", "text": "ok"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 7, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 1, "output_tokens": 5},
}


@asynccontextmanager
async def serving(tmp_path, answer, dialect="anthropic"):
    """Open a server in front of a provider that *answer* plays."""
    async with FakeUpstream.open(answer) as upstream:
        (tmp_path / "key").write_text("sk-ant-1")
        (tmp_path / "llmlb.toml").write_text(TOML.format(url=upstream.url, dialect=dialect))
        settings = load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})

        def prepare(house):
            house.host.registry.server_dialects["plain"] = PlainDialect()

        async with open_doors(settings, prepare) as doors, httpx.AsyncClient(base_url=doors.url, timeout=20) as client:
            yield client, upstream


def asks(**more):
    return {"model": "acme:large-1", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}], **more}


def streams(*events, ends=True):
    async def answer(visit):
        visit.send(sse_head(), *(chunk(each) for each in events))
        if ends:
            visit.send(chunk(b""))
        else:
            visit.reset()

    return answer


async def test_a_message_passes_byte_for_byte(tmp_path):
    """But for the model's name; the client's own credential goes nowhere, headers of the API go along."""

    async def answer(visit):
        visit.send(plain(json.dumps(ANSWER).encode()))

    body = b'{ "model" : "acme:large-1","max_tokens":64, "odd": [1 , 2], "messages": [{"role":"user","content":"hi"}] }'
    headers = {"x-api-key": "sk_client", "anthropic-beta": "some-2026-01-01"}
    async with serving(tmp_path, answer) as (client, upstream):
        got = await client.post("/v1/messages", content=body, headers=headers)

    visit = upstream.visits[0]
    assert (json.dumps(ANSWER).encode(), body.replace(b"acme:", b"")) == (got.content, bytes(visit.body))
    assert ("/v1/messages", "sk-ant-1", "2023-06-01", "some-2026-01-01") == (
        visit.path,
        visit.headers["x-api-key"],
        visit.headers["anthropic-version"],
        visit.headers["anthropic-beta"],
    )
    assert b"sk_client" not in visit.head


@pytest.mark.parametrize("name", ["relayed_text", "relayed_tools", "relayed_thinking"])
async def test_a_stream_passes_byte_for_byte(tmp_path, name):
    """Every event as it came."""
    stream = (GOLDEN / f"{name}.sse").read_bytes()

    async with serving(tmp_path, streams(stream)) as (client, _):
        got = await client.post("/v1/messages", json=asks(stream=True))

    assert stream == got.content


async def test_a_count_passes_too(tmp_path):
    """To the provider's own route."""

    async def answer(visit):
        visit.send(plain(b'{"input_tokens": 14}'))

    async with serving(tmp_path, answer) as (client, upstream):
        got = await client.post("/v1/messages/count_tokens", json=asks())

    assert ({"input_tokens": 14}, "/v1/messages/count_tokens") == (got.json(), upstream.visits[0].path)


async def test_a_refusal_is_in_the_providers_own_words(tmp_path):
    """As the client would get it there."""
    refusal = b'{"type":"error","error":{"type":"invalid_request_error","message":"temperature: range: 0..1"},"request_id":"req_1"}'

    async def answer(visit):
        visit.send(plain(refusal, status=400))

    async with serving(tmp_path, answer) as (client, _):
        got = await client.post("/v1/messages", json=asks())

    assert (400, json.loads(refusal)["error"]) == (got.status_code, got.json()["error"])


async def test_a_stream_that_breaks_ends_with_an_error_event(tmp_path):
    """And with no ``message_stop``: half an answer is never passed off as a whole one."""
    stream = (GOLDEN / "relayed_tools.sse").read_bytes()

    async with serving(tmp_path, streams(stream[: stream.index(b"event: message_delta")], ends=False)) as (client, _):
        got = await client.post("/v1/messages", json=asks(stream=True))

    *_, last = [block for block in got.text.split("\n\n") if block]
    assert last.startswith("event: error\n")
    assert "message_stop" not in got.text


async def test_an_error_within_a_stream_is_told(tmp_path):
    """Before content as an answer of its own, with the provider's words; the client sees no half stream."""
    told = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'

    async with serving(tmp_path, streams(told)) as (client, _):
        got = await client.post("/v1/messages", json=asks(stream=True))

    assert "Overloaded" in got.text
    assert "message_stop" not in got.text


@pytest.mark.parametrize("stream", [False, True])
async def test_another_dialect_is_translated(tmp_path, stream):
    """What the client gets is a message; what the server gets is its own."""

    async def answer(visit):
        if visit.json["stream"]:
            visit.send(sse_head(), *(chunk(b"data: %s\n\n" % word) for word in (b"o", b"k", b"END")), chunk(b""))
        else:
            visit.send(plain(b'{"text": "ok"}'))

    async with serving(tmp_path, answer, "plain") as (client, upstream):
        got = await client.post("/v1/messages", json=asks(stream=stream))

    assert {"model": "large-1", "say": "hi", "stream": stream} == upstream.visits[0].json
    if stream:
        assert got.text.endswith('event: message_stop\ndata: {"type":"message_stop"}\n\n')
        assert '"text":"o"' in got.text
    else:
        assert ("message", [{"type": "text", "text": "ok"}]) == (got.json()["type"], got.json()["content"])


async def test_a_count_that_nobody_can_make_is_estimated(tmp_path):
    """About four characters a token."""

    async def answer(visit):
        visit.reset()

    async with serving(tmp_path, answer, "plain") as (client, upstream):
        got = await client.post("/v1/messages/count_tokens", json=asks(system="x" * 400))

    assert 100 < got.json()["input_tokens"] < 130
    assert [] == upstream.visits


async def test_what_cannot_be_translated_is_named_as_the_client_calls_it(tmp_path):
    """In the client's own dialect."""

    async def answer(visit):
        visit.reset()

    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    async with serving(tmp_path, answer, "plain") as (client, _):
        got = await client.post("/v1/messages", json=asks(tools=tools))

    assert (400, "invalid_request_error") == (got.status_code, got.json()["error"]["type"])
    assert "It has no tools" in got.json()["error"]["message"]
