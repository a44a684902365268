"""Calls go only to servers that can serve them; what nobody can is refused before anything is sent."""

from __future__ import annotations

import pytest
from llmlb_testing.pictures import PNG_URL
from llmlb_testing.upstream import plain

from llmlb_core.domain.registration import EndpointStatus

IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG_URL}}]}]
SCHEMA = {"type": "function", "function": {"name": "look", "parameters": {"properties": {"image_url": {"type": "string"}}}}}
RESPONSE = plain({"id": "resp_1", "object": "response", "output": [], "usage": None})


async def ask(desk, path, **fields):
    """Send a call."""
    return await desk.client.post(path, {"model": "m", **fields})


async def test_responses_go_only_where_they_are_served(desk, new_node):
    """24157000-F12, F16, F19: of two servers of one model the one whose OPTIONS says so, byte for byte."""
    plain_one = await new_node()
    other = await new_node(answers={"/v1/responses": RESPONSE})
    await desk.online(plain_one.url, "plain")
    await desk.online(other.url, "responding")

    calls = [await ask(desk, "/v1/responses", input="hi") for _ in range(3)]

    assert [(200, "responding")] * 3 == [(call.status, call.headers["x-llmlb-endpoint"]) for call in calls]
    assert RESPONSE.endswith(calls[0].body)
    assert "POST /v1/responses" not in str([visit.head for visit in plain_one.upstream.visits])


async def test_responses_that_nobody_serves_are_501(desk, node):
    """24157000-F16, F20: nothing is sent, nothing is translated; the same model's chats go on."""
    await desk.online(node.url)

    call, chat = await ask(desk, "/v1/responses", input="hi"), await desk.client.chat(model="m")

    error = call.json["error"]
    assert (501, "not_implemented", "server_error", "model") == (call.status, error["code"], error["type"], error["param"])
    assert "/v1/chat/completions" in error["message"]
    assert 200 == chat.status
    assert not [visit for visit in node.upstream.visits if visit.head.startswith(b"POST /v1/responses")]


async def test_responses_of_an_unknown_model_are_404(desk, node):
    """24157000, better than upstream: unknown is 404, known and unsupported 501."""
    await desk.online(node.url)

    call = await desk.client.post("/v1/responses", {"model": "nobody", "input": "hi"})

    assert (404, "model_not_found") == (call.status, call.json["error"]["code"])


async def test_responses_whose_server_is_away_are_503(desk, new_node):
    """24157000: known but offline is 503, although a server without the route is there."""
    plain_one = await new_node()
    other = await new_node(answers={"/v1/responses": RESPONSE})
    await desk.online(plain_one.url, "plain")
    created = await desk.online(other.url, "responding")
    other.is_well = False
    other.answers["/v1/models"] = plain({"error": {}}, 503)
    for _ in range(2):
        await desk.ask("POST", f"/{created['id']}/test")

    call = await ask(desk, "/v1/responses", input="hi")

    assert (503, "no_capable_nodes") == (call.status, call.json["error"]["code"])
    assert f"responding: is {EndpointStatus.OFFLINE}" in call.json["error"]["message"]


async def test_a_server_that_learns_responses_gets_them_after_its_next_sync(desk, node):
    """24157000-F19: support is asked for with the list of models."""
    created = await desk.online(node.url)
    before = await ask(desk, "/v1/responses", input="hi")
    node.answers["/v1/responses"] = RESPONSE

    await desk.ask("POST", f"/{created['id']}/sync")
    after = await ask(desk, "/v1/responses", input="hi")

    assert (501, 200) == (before.status, after.status)


async def test_embeddings_go_only_to_those_that_can(desk, new_node):
    """32637000-F2: of servers that differ in what one model can do, those that can."""
    vectors = plain({"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    talks, embeds = await new_node(), await new_node(answers={"/v1/embeddings": vectors})
    await desk.online(talks.url, "talks")
    await desk.online(embeds.url, "embeds", capabilities=["embedding"])

    embeddings = [await ask(desk, "/v1/embeddings", input="hi") for _ in range(3)]
    chats = [await desk.client.chat(model="m") for _ in range(3)]

    assert [(200, "embeds")] * 3 == [(call.status, call.headers["x-llmlb-endpoint"]) for call in embeddings]
    assert [(200, "talks")] * 3 == [(call.status, call.headers["x-llmlb-endpoint"]) for call in chats]


async def test_images_go_only_to_those_that_see(desk, new_node):
    """32637000: an image needs vision; calls without one go to all."""
    blind, seeing = await new_node(), await new_node()
    await desk.online(blind.url, "blind")
    await desk.online(seeing.url, "seeing", capabilities=["text_generation", "vision"])

    images = [await ask(desk, "/v1/chat/completions", messages=IMAGE) for _ in range(4)]
    texts = [await desk.client.chat(model="m") for _ in range(4)]

    assert {"seeing"} == {call.headers["x-llmlb-endpoint"] for call in images}
    assert {"blind", "seeing"} == {call.headers["x-llmlb-endpoint"] for call in texts}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/chat/completions", {"messages": IMAGE}),
        ("/v1/responses", {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;,"}]}]}),
    ],
)
async def test_an_image_for_a_blind_model_is_400(desk, new_node, path, fields):
    """32637000-F2, F3, F6: before anything is sent."""
    node = await new_node(answers={"/v1/responses": RESPONSE})
    await desk.online(node.url)

    call = await ask(desk, path, **fields)

    assert (400, "model_capability_mismatch") == (call.status, call.json["error"]["code"])
    assert call.json["error"]["message"].startswith("Model 'm' does not support image understanding; it supports text generation.")


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": '["image_url"] and {"type": "image_url"}'}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "tools": [SCHEMA]},
        {"messages": "image_url", "x": [["image_url"]]},
    ],
)
async def test_a_word_is_no_image(desk, node, fields):
    """In a text, in a tool's schema, or in a body that is not as it should be: the server has it."""
    await desk.online(node.url)

    call = await ask(desk, "/v1/chat/completions", **fields)

    assert 200 == call.status
