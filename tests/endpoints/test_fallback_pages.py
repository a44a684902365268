"""Fallback models by the admin API: shown, changed, kept, and not over what the settings file says."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack

import pytest
from llmlb_testing.upstream import FakeUpstream, completion, plain

TOML = """
[models."owned"]
fallback = ["spare"]

[[endpoints]]
name = "e0"
url = "URL"
models = ["spare", "Mixed/Case"]
"""


async def _answer(visit):
    visit.send(plain(completion(f"good {visit.json['model']}")))


@pytest.fixture
async def start(tmp_path, open_app_at):
    """Opens a server over the same data again and again, closing the one before; returns its client."""
    async with FakeUpstream.open(_answer) as upstream, AsyncExitStack() as running:

        async def open_one():
            await running.aclose()
            desk = await running.enter_async_context(open_app_at(tmp_path, TOML.replace("URL", upstream.url), interval_s=0))
            return desk.client.http

        yield open_one


async def _chat(client, model: str):
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]})
    answer = await client.post("/v1/chat/completions", data=body, headers={"content-type": "application/json"})
    return answer.status_code, json.loads(await answer.get_data())


async def test_a_fallback_is_said_shown_used_and_kept(start):
    """Also over a restart; unknown names are told, not refused."""
    client = await start()

    before = await _chat(client, "gone")
    said = await client.put("/v0/models/Gone/fallback", json={"fallback": ["nobody", "spare"]})
    after = await _chat(client, "gone")
    client = await start()
    again = await _chat(client, "GONE")
    listed = await (await client.get("/v0/models/fallbacks")).get_json()

    assert (404, 200, 200) == (before[0], after[0], again[0])
    assert {"model": "gone", "fallback": ["nobody", "spare"], "origin": "database", "unknown": ["nobody"]} == await said.get_json()
    assert "good spare" == after[1]["choices"][0]["message"]["content"]
    assert ["gone", "owned"] == [each["model"] for each in listed["models"]]


async def test_a_fallback_can_be_taken_back(start):
    """By an empty list, or null."""
    client = await start()

    await client.put("/v0/models/gone/fallback", json={"fallback": ["spare"]})
    taken = await client.put("/v0/models/gone/fallback", json={"fallback": None})

    assert (200, "none") == (taken.status_code, (await taken.get_json())["origin"])
    assert 404 == (await _chat(client, "gone"))[0]


async def test_what_the_settings_file_says_is_not_changed(start):
    """409 with the reason; names with a slash are a path."""
    client = await start()

    refused = await client.put("/v0/models/owned/fallback", json={"fallback": []})
    shown = await (await client.get("/v0/models/owned/fallback")).get_json()
    slashed = await client.put("/v0/models/Mixed/Case/fallback", json={"fallback": ["spare"]})

    assert 409 == refused.status_code
    assert "settings file" in (await refused.get_json())["error"]["message"]
    assert ("file", ["spare"]) == (shown["origin"], shown["fallback"])
    assert "mixed/case" == (await slashed.get_json())["model"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "fallback is missing"),
        ({"fallback": "spare"}, "must be a list"),
        ({"fallback": [1]}, "fallback[0] is no text"),
        ({"fallback": ["a", "a"]}, "fallback[1] is there twice"),
        ({"fallback": ["GONE"]}, "is the model itself"),
        ({"fallback": ["a"] * 17}, "at most 16"),
        ({"fallbacks": []}, "fallbacks"),
    ],
)
async def test_a_wrong_fallback_is_told(start, body, told):
    """With what was expected."""
    client = await start()

    answer = await client.put("/v0/models/gone/fallback", json=body)

    assert 400 == answer.status_code
    assert told in (await answer.get_json())["error"]["message"]
