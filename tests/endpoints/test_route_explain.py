"""``POST /v0/route/explain``: who would get a call, and why not the others."""

from __future__ import annotations

import json

import pytest
from llmlb_testing.upstream import plain


async def explain(desk, body, query=""):
    """Ask; return status and document."""
    response = await desk.client.http.post(f"/v0/route/explain{query}", data=json.dumps(body))
    return response.status_code, json.loads(await response.get_data())


def states(document):
    """Return state and reason of each candidate by its name."""
    return {each["endpoint"]: (each["state"], each["reason"]) for each in document["candidates"]}


async def test_every_endpoint_of_the_model_is_told_of(desk, new_node):
    """Who would win and why; why one may not be sent anything; why one that has the model cannot serve the call."""
    nodes = [await new_node() for _ in range(4)]
    created = {}
    for name, node in zip(("good", "other", "away", "blind"), nodes, strict=True):
        members = {"capabilities": ["embedding"]} if name == "blind" else {}
        created[name] = await desk.online(node.url, name, **members)
    await nodes[2].upstream.close()
    await desk.ask("POST", f"/{created['away']['id']}/test")

    status, told = await explain(desk, {"model": "m", "messages": [{"role": "user", "content": "hi"}]})

    assert 200 == status
    assert ("m", "m", "/v1/chat/completions", "least_in_flight") == tuple(
        told[key] for key in ("model", "target", "path", "router")
    )
    assert ("placed", "good") == (told["outcome"], told["winner"])
    assert {"good": "chosen", "other": "outranked", "away": "unroutable"} == {
        key: state for key, (state, _) in states(told).items()
    }
    assert "failed its last health check" == states(told)["away"][1]
    away = next(each for each in told["candidates"] if each["endpoint"] == "away")
    assert ("error", created["away"]["id"]) == (away["status"], away["endpoint_id"])
    assert "cannot be reached" in away["last_error"]
    assert [("blind", "its capabilities are embedding; the route needs text_generation")] == [
        (each["endpoint"], each["reason"]) for each in told["left_out"]
    ]
    assert {"position": 1, "estimated_wait_s": None} == told["queue"]


async def test_asking_takes_no_turn_and_sends_nothing(desk, new_node):
    """Whoever asks ten times changes nothing."""
    nodes = [await new_node(), await new_node()]
    for number, node in enumerate(nodes):
        await desk.online(node.url, f"n{number}")

    winners = {(await explain(desk, {"model": "m"}))[1]["winner"] for _ in range(5)}

    assert 1 == len(winners)
    assert not [path for node in nodes for path in node.paths if path == "/v1/chat/completions"]


async def test_a_call_that_nothing_can_serve_is_told_so(desk, node):
    """Refused, as the call would be."""
    created = await desk.online(node.url)
    await node.upstream.close()
    await desk.ask("POST", f"/{created['id']}/test")

    _, told = await explain(desk, {"model": "m"})

    assert (None, "refused", "no endpoint is routable") == (told["winner"], told["outcome"], told["reason"])
    assert told["queue"] is None


async def test_a_call_that_would_wait_is_told_so(desk, node):
    """For a server that still loads, as for one that is busy; with the place it would have."""
    node.answers["/health"] = plain({"status": "ok"}, 200, "server: llama.cpp")
    created = await desk.online(node.url)
    node.answers["/health"] = plain({"error": {"message": "Loading model"}}, 503, "server: llama.cpp")
    await desk.ask("POST", f"/{created['id']}/test")

    _, told = await explain(desk, {"model": "m"})

    assert (None, "waits", True) == (told["winner"], told["outcome"], told["candidates"][0]["is_loading"])
    assert 1 == told["queue"]["position"]


async def test_routes_and_callers_can_be_named(tmp_path, open_app_at, new_node):
    """``?path=`` for another route, ``?principal=`` for a caller who has a router of its own."""
    toml = '\n[routing.keys]\n"batch" = "round_robin"\n'
    async with open_app_at(tmp_path / "app", toml) as desk:
        vectors = await new_node(models=["my-embed"])
        await desk.online(vectors.url, "vectors")
        chats = await new_node()
        await desk.online(chats.url, "chats")

        _, embedding = await explain(desk, {"model": "my-embed", "input": "x"}, "?path=/v1/embeddings")
        _, batch = await explain(desk, {"model": "m"}, "?principal=batch")

    assert ("/v1/embeddings", "vectors") == (embedding["path"], embedding["winner"])
    assert "round_robin" == batch["router"]


@pytest.mark.parametrize(
    ("body", "query", "status", "code", "words"),
    [
        ({"model": "nobody"}, "", 404, "model_not_found", "'nobody' is not served here"),
        ({"model": "m", "input": "x"}, "?path=/v1/embeddings", 400, "model_capability_mismatch", "does not support embeddings"),
        ({"model": "m", "input": "x"}, "?path=/v1/responses", 501, "not_implemented", "does not serve this route"),
        (
            {"model": "m"},
            "?path=/v1/nothing",
            400,
            "invalid_value",
            "'/v1/nothing', which is no inference route; there are: /v1/audio",
        ),
        ({"messages": []}, "", 400, "missing_required_parameter", "model"),
        ([], "", 400, "invalid_json", ""),
    ],
)
async def test_what_the_call_would_be_refused_with_is_the_answer(desk, node, body, query, status, code, words):
    """And what cannot be asked is 400, with what can."""
    await desk.online(node.url)

    refused, told = await explain(desk, body, query)

    assert (status, code) == (refused, told["error"]["code"])
    assert words in told["error"]["message"]
