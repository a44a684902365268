"""24157000 on a running server: ``/v1/responses`` of other servers is passed on as it is."""

from __future__ import annotations

import json

import pytest
from llmlb_testing.server import LiveServer
from llmlb_testing.upstream import chunk, plain, sse_head

BODY = b'{ "input":"H\\u00e9llo" , "model" : "resp", "previous_response_id":"resp_0", "x-odd": [1,  2] }'
ANSWER = b'{"id":"resp_1", "object":"response",  "output":[], "usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}'
EVENTS = (
    b'event: response.created\ndata: {"type":"response.created"}\n\n',
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta", "delta":"h\xc3\xa9"}\n\n',
    b'event: vendor.odd\ndata: {"type":"vendor.odd",  "x":[1.50]}\n\n',
    b'event: response.completed\ndata: {"type":"response.completed","response":{"status":"completed"}}\n\n',
)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A balancer."""
    server = LiveServer.start(tmp_path_factory.mktemp("responses") / "data", "[log]\naccess = false\n")
    yield server
    server.stop()


@pytest.fixture
async def node(balancer, new_node):
    """A server that serves Responses, and answers ``ANSWER``."""
    node = await new_node("resp")
    node.answers["OPTIONS /v1/responses"] = plain(b"", 200, "allow: POST, OPTIONS")
    node.answers["POST /v1/responses"] = plain(ANSWER)
    endpoint_id = await balancer.online(node, "resp")
    yield node
    await balancer.ask("DELETE", f"/v0/endpoints/{endpoint_id}")


async def test_body_and_answer_pass_unchanged(balancer, node):
    """24157000-F12, F13, F14, F20: byte for byte, known members and unknown ones, answers and errors."""
    async with balancer.http.post("/v1/responses", data=BODY) as response:
        answer = await response.read()
    sent = bytes(node.upstream.visits[-1].body)
    refusal = b'{"error": {"message": "no such previous response",   "code": "odd"}}'
    node.answers["POST /v1/responses"] = plain(refusal, 400)
    async with balancer.http.post("/v1/responses", data=BODY) as response:
        refused = (response.status, await response.read())

    assert ANSWER == answer
    assert BODY == sent
    assert (400, refusal) == refused


async def test_events_pass_unchanged(balancer, node):
    """24157000-F15: also those that nobody here knows; errors are in tests/upstream."""
    node.answers["POST /v1/responses"] = sse_head() + b"".join(chunk(each) for each in (*EVENTS, b""))

    async with balancer.http.post("/v1/responses", data=BODY.replace(b"{ ", b'{ "stream":true,')) as response:
        content_type, answer = response.headers["content-type"], await response.read()

    assert content_type.startswith("text/event-stream")
    assert b"".join(EVENTS) == answer


async def test_the_same_keys_open_it(balancer, node):
    """24157000-F17: 401 with a key that nobody made, as everywhere; no server sees the call."""
    seen = len(node.upstream.visits)

    refused = await balancer.ask("POST", "/v1/responses", json.loads(BODY), key="sk_" + "x" * 32)

    assert (401, "invalid_api_key") == (refused.status, refused.error)
    assert seen == len(node.upstream.visits)


async def test_it_is_listed_counted_and_kept(balancer, node, until_true):
    """24157000-F18, F19, F21: the list says that the model has it; the history has the call with its tokens, as it has chats."""
    answer = await balancer.ask("POST", "/v1/responses", json.loads(BODY))
    row = await until_true(
        lambda: balancer.ask("GET", f"/v0/requests/{answer.headers['x-request-id']}"), lambda found: found.status == 200
    )
    listed = await balancer.ask("GET", "/v1/models/resp")
    metrics = await balancer.ask("GET", "/metrics")

    assert node.upstream.visits
    assert "responses" in listed.json["supported_apis"]
    assert (3, 4, "resp") == tuple(row.json[name] for name in ("prompt_tokens", "completion_tokens", "model"))
    assert 'operation="response' in metrics.text
