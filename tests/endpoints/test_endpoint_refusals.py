"""What servers refuse: whose fault it is decides what becomes of the call."""

from __future__ import annotations

import pytest
from llmlb_testing.upstream import plain

CHAT = "/v1/chat/completions"
GONE = plain({"error": {"message": "The model `m` does not exist.", "code": "model_not_found"}}, 404)
LOADING = plain({"error": {"message": "Loading model", "code": 503}}, 503, "retry-after: 7")
BUSY = plain({"error": {"message": "server busy, please try again. maximum pending requests exceeded"}}, 503)
BAD = plain({"error": {"message": "messages[0].role: unknown"}}, 400)


async def chats(desk, count=4):
    """Send calls one after the other; return status and endpoint of each."""
    calls = [await desk.client.chat(model="m") for _ in range(count)]
    return [(call.status, call.headers.get("x-llmlb-endpoint")) for call in calls]


@pytest.mark.parametrize("refusal", [GONE, LOADING, BUSY, plain({}, 401), plain({}, 403)])
async def test_what_is_about_the_server_is_tried_elsewhere(desk, new_node, refusal):
    """05098000-F17: a model that is gone, a server that loads or is busy, a key that one server refuses: no client sees it."""
    bad, good = await new_node(answers={CHAT: refusal}), await new_node()
    await desk.online(bad.url, "bad")
    await desk.online(good.url, "good")

    seen = await chats(desk)

    assert [(200, "good")] * 4 == seen
    assert [path for path in bad.paths if path == CHAT]


async def test_what_is_about_the_request_is_the_clients(desk, new_node):
    """The server's own words and status, and nobody else is asked."""
    nodes = [await new_node(answers={CHAT: BAD}) for _ in range(2)]
    for number, node in enumerate(nodes):
        await desk.online(node.url, f"n{number}")

    call = await desk.client.chat(model="m")

    assert (400, "messages[0].role: unknown") == (call.status, call.json["error"]["message"])
    assert 1 == sum(path == CHAT for node in nodes for path in node.paths)


@pytest.mark.parametrize(
    ("refusal", "status", "code", "retry_after"),
    [(GONE, 502, "model_not_found", None), (LOADING, 503, "model_loading", "7"), (BUSY, 429, "endpoint_busy", None)],
    ids=["gone", "loading", "busy"],
)
async def test_the_only_server_is_told_in_our_words(desk, new_node, refusal, status, code, retry_after):
    """Never in its own, which may hold addresses; loading is no failure, so it is 503 with Retry-After."""
    await desk.online((await new_node(answers={CHAT: refusal})).url)

    call = await desk.client.chat(model="m")

    assert (status, code, retry_after) == (call.status, call.json["error"]["code"], call.headers.get("retry-after"))
    assert "does not exist" not in call.body.decode()
