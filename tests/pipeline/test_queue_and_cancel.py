"""Waiting, leaving and deadlines, as clients notice them."""

from __future__ import annotations

import asyncio
import json

import pytest

LONG = "one two three four five six seven eight nine ten " * 20


def chat(**fields: object) -> dict:
    return {"model": "slow", "messages": [{"role": "user", "content": LONG}], "stream": True, **fields}


class Visit:
    """A call whose client may leave at any moment."""

    def __init__(self, client, body: dict) -> None:
        self.started = asyncio.Event()
        self.gone = asyncio.Event()
        self.events: list[bytes] = []
        self.head: dict = {}
        messages = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

        async def receive() -> dict:
            if messages:
                return messages.pop()
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            if message["type"] == "http.response.start":
                self.head = message
            else:
                self.events.append(message["body"])
                if b"one" in message["body"]:
                    self.started.set()

        self.task = asyncio.create_task(client.app(client.scope("/v1/chat/completions"), receive, send))


async def test_a_client_that_leaves_ends_its_call_within_a_second(client):
    """Rule 9 of cancellation: the engine stops, the slot is free for the next."""
    visit = Visit(client, chat())
    await visit.started.wait()

    visit.gone.set()
    await asyncio.wait_for(visit.task, 2)
    answer = await asyncio.wait_for(client.chat("short", model="slow"), 2)

    assert 200 == answer.status


async def test_a_full_queue_is_429_with_retry_after(client):
    """05098000-F5: one running, two waiting, the fourth is refused at once."""
    visits = [Visit(client, chat())]
    await visits[0].started.wait()
    visits += [Visit(client, chat()) for _ in range(2)]
    await client.waiting(2)

    answer = await client.chat(model="slow")

    assert (429, "queue_full") == (answer.status, answer.json["error"]["code"])
    assert int(answer.headers["retry-after"]) >= 1
    for visit in visits:
        visit.gone.set()
    await asyncio.gather(*(visit.task for visit in visits))


async def test_a_wait_that_is_too_long_is_504(client):
    """05098000-F6: a plain call that found no slot in time."""
    visit = Visit(client, chat())
    await visit.started.wait()

    answer = await client.chat(model="slow")

    assert (504, "queue_timeout") == (answer.status, answer.json["error"]["code"])
    visit.gone.set()
    await visit.task


@pytest.mark.parametrize("client", ["heartbeat_s = 0.1"], indirect=True)
async def test_a_waiting_stream_is_kept_open_and_then_answered(client):
    """Comments first, then content, with the headers that say where it stood in the queue."""
    visit = Visit(client, chat(max_tokens=18))
    await visit.started.wait()

    answer = await client.chat("mine", model="slow", stream=True)

    assert (200, "[DONE]") == (answer.status, answer.events[-1])
    assert answer.body.startswith(b": ")
    assert "1" == answer.headers["x-queue-position"]
    await visit.task


@pytest.mark.parametrize("client", ["heartbeat_s = 0.1"], indirect=True)
async def test_a_stream_whose_model_loads_is_kept_open(client):
    """Loading takes longer than the heartbeat: comments, then the answer."""
    answer = await client.chat("hello", model="late", stream=True)

    assert answer.body.startswith(b": ")
    assert "[DONE]" == answer.events[-1]


async def test_a_body_that_stops_arriving_is_408(client):
    """Nobody waits for ever: [server] body_timeout_s."""
    sent: list[dict] = []

    async def receive() -> dict:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict) -> None:
        sent.append(message)

    scope = client.scope("/v1/chat/completions")
    await asyncio.wait_for(client.app(scope, receive, send), 20)

    assert 408 == sent[0]["status"]
