"""The rules of streams for models of this machine: an engine that raises or dies in an answer is asked again."""

from __future__ import annotations

import json

import aiohttp
import pytest
from llmlb_testing.server import LiveServer

WORDS = "one two three four five six seven eight nine ten"
TOML = """
[models.raising]
engine = "echo"
options = { fault = "raise_mid_answer", fault_every = 2, delay_s = 0.01 }

[models.dying]
engine = "echo"
options = { fault = "crash_mid_answer", fault_after_tokens = 4, delay_s = 0.01, script = ["one two three four five six"] }
fallback = ["spare"]

[models.spare]
engine = "echo"
options = { reply = "one two three four five six" }

[models.other]
engine = "echo"
options = { fault = "raise_mid_answer" }
fallback = ["differs"]

[models.differs]
engine = "echo"
options = { reply = "nothing of the kind" }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose engines break."""
    server = LiveServer.start(tmp_path_factory.mktemp("engines"), TOML)
    yield server
    server.stop()


async def ask(server: LiveServer, model: str, *, stream: bool, **more: str) -> tuple[int, str, bytes]:
    """Call, with *more* headers; return status, text and body."""
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": WORDS}]}
    headers = {"authorization": f"Bearer {server.key}", **{name.replace("_", "-"): value for name, value in more.items()}}
    async with (
        aiohttp.ClientSession(server.url, headers=headers, timeout=aiohttp.ClientTimeout(60)) as http,
        http.post("/v1/chat/completions", json=body) as answer,
    ):
        data = await answer.read()
        if not stream:
            return answer.status, json.loads(data)["choices"][0]["message"]["content"], data
        chunks = [json.loads(line[6:]) for line in data.split(b"\n\n") if line.startswith(b"data: {")]
        text = "".join(choice["delta"].get("content") or "" for each in chunks for choice in each.get("choices", []))
        return answer.status, text, data


async def test_rule_1_a_plain_answer_that_breaks_is_asked_for_again(server):
    """Every second answer raises; the client sees none of it."""
    answers = [await ask(server, "raising", stream=False) for _ in range(4)]

    assert [(200, WORDS)] * 4 == [answer[:2] for answer in answers]


async def test_rule_7_a_stream_that_breaks_is_replayed(server):
    """The text goes on where it stopped, with one id and one end mark."""
    answers = [await ask(server, "raising", stream=True) for _ in range(4)]

    assert [(200, WORDS)] * 4 == [answer[:2] for answer in answers]
    for _, _, body in answers:
        assert 1 == len({json.loads(line[6:])["id"] for line in body.split(b"\n\n") if line.startswith(b"data: {")})
        assert 1 == body.count(b"[DONE]")


@pytest.mark.parametrize("stream", [False, True])
async def test_rule_7_an_engine_that_dies_is_followed_by_the_fallback(server, stream):
    """A worker that is gone each time it says four words; the other model says the same."""
    status, text, body = await ask(server, "dying", stream=stream)

    assert (200, "one two three four five six") == (status, text)
    assert b"error" not in body


async def test_rule_7_another_answer_of_an_engine_is_not_passed_on(server):
    """One error in band, no end mark."""
    status, text, body = await ask(server, "other", stream=True)

    assert 200 == status
    assert WORDS.startswith(text)
    assert (1, 0) == (body.count(b'"error"'), body.count(b"[DONE]"))


async def test_rule_7_another_answer_of_an_engine_begins_anew_where_the_client_asked_for_it(server):
    """Announced, whole, with an id and a role of its own, and counted."""
    status, _, body = await ask(server, "other", stream=True, x_llmlb_restart="on")

    before, _, anew = body.partition(b'event: llmlb.restart\ndata: {"object":"llmlb.restart","choices":[]}\n\n')
    first, second = (
        [json.loads(line[6:]) for line in part.split(b"\n\n") if line.startswith(b"data: {")] for part in (before, anew)
    )
    text = "".join(choice["delta"].get("content") or "" for each in second for choice in each.get("choices", []))
    assert (200, "nothing of the kind") == (status, text)
    assert ("assistant", 1) == (second[0]["choices"][0]["delta"].get("role"), body.count(b"[DONE]"))
    assert not {each["id"] for each in first} & {each["id"] for each in second}
    assert b'"error"' not in body
    headers = {"authorization": f"Bearer {server.key}"}
    async with aiohttp.ClientSession(server.url, headers=headers) as http, http.get("/metrics") as answer:
        assert 'llmlb_recoveries_total{rule="restart",outcome="completed"} 1' in await answer.text()
