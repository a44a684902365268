"""What clients notice when processes die."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time

import aiohttp
import psutil
import pytest
from llmlb_testing.server import LiveServer

TOML = """
[models.echo]
engine = "echo"
options = { delay_s = 0.02 }

[models.broken]
engine = "echo"
options = { fault = "load_error" }
"""

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "one two three four five six seven eight nine ten " * 20}]}


@pytest.fixture
def server(tmp_path):
    """A server of our own, for tests that break it."""
    server = LiveServer.start(tmp_path / "data", TOML)
    yield server
    server.kill()


def session(server: LiveServer) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(server.url, headers={"authorization": f"Bearer {server.key}"}, timeout=aiohttp.ClientTimeout(60))


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; one that ended and that nobody has asked for yet does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def events(response: aiohttp.ClientResponse) -> list[str]:
    return [line.removeprefix("data: ") for line in (await response.text()).splitlines() if line.startswith("data: ")]


async def test_a_worker_killed_in_mid_stream_is_replaced_and_the_stream_goes_on(server):
    """Kill -9 of a worker: the new one says the same again, the client sees one whole answer; the next call takes no longer."""
    async with session(server) as http:
        async with http.post("/v1/chat/completions", json={**CHAT, "stream": True}) as response:
            await response.content.readuntil(b"\n\n")
            await response.content.readuntil(b"\n\n")
            for pid in server.children():
                os.kill(pid, signal.SIGKILL)
            rest = await events(response)
        killed_at = time.monotonic()
        async with http.post("/v1/chat/completions", json={**CHAT, "max_tokens": 5}) as response:
            answer = await response.json()
        took_s = time.monotonic() - killed_at

    text = "".join(json.loads(each)["choices"][0]["delta"].get("content", "") for each in rest if each.startswith("{"))
    assert ("[DONE]", True) == (rest[-1], CHAT["messages"][0]["content"].rstrip().endswith(text.rstrip()))
    assert 200 == response.status, answer
    assert took_s < 3


async def test_no_worker_survives_the_server(server):
    """Kill -9 of the server: its workers are gone 2 s later and the next start is clean."""
    async with session(server) as http, http.post("/v1/chat/completions", json={**CHAT, "max_tokens": 2}) as response:
        await response.read()
    workers = [psutil.Process(pid) for pid in server.children()]

    server.kill()

    deadline = time.monotonic() + 2
    while (alive := [worker for worker in workers if is_alive(worker)]) and time.monotonic() < deadline:  # noqa: ASYNC110  # the kernel tells only the parent
        await asyncio.sleep(0.02)
    assert workers
    assert [] == alive
    again = LiveServer.start(server.data_dir, TOML)
    try:
        async with session(again) as http, http.post("/v1/chat/completions", json={**CHAT, "max_tokens": 2}) as response:
            assert 200 == response.status
    finally:
        again.kill()


async def test_a_model_that_cannot_load_fails_alone(server):
    """Its calls say why; other models answer; the server stays up."""
    async with session(server) as http:
        async with http.post("/v1/chat/completions", json={**CHAT, "model": "broken"}) as response:
            failed, error = response.status, (await response.json())["error"]
        async with http.post("/v1/chat/completions", json={**CHAT, "max_tokens": 3}) as response:
            good = response.status
        async with http.get("/v1/models/broken") as response:
            shown = await response.json()

    assert (502, "engine_failed") == (failed, error["code"])
    assert 200 == good
    assert ("failed", False) == (shown["state"], shown["ready"])


async def test_clients_that_leave_leave_nothing_running(server):
    """100 streams are dropped in the middle: no call is in flight a moment later, and the worker is the same process."""

    async def leave(http: aiohttp.ClientSession) -> None:
        async with http.post("/v1/chat/completions", json={**CHAT, "stream": True}) as response:
            await response.content.readuntil(b"\n\n")
            response.close()

    async with session(server) as http:
        async with http.post("/v1/chat/completions", json={**CHAT, "max_tokens": 2}) as response:
            await response.read()
        workers = server.children()
        for _ in range(5):
            await asyncio.gather(*(leave(http) for _ in range(20)))
        deadline = time.monotonic() + 3
        while True:
            async with http.get("/v0/status") as response:
                status = await response.json()
            busy = status["calls_running_count"] + sum(each["in_flight"] for each in status["instances"])
            if busy == 0 or time.monotonic() > deadline:
                break

    assert 0 == busy
    assert workers == server.children()


async def test_a_stop_lets_running_streams_finish(server):
    """SIGTERM in mid-stream: the stream ends complete, then the server ends with exit code 0."""
    async with (
        session(server) as http,
        http.post("/v1/chat/completions", json={**CHAT, "stream": True, "max_tokens": 60}) as response,
    ):
        await response.content.readuntil(b"\n\n")
        server.process.send_signal(signal.SIGTERM)
        rest = await events(response)

    assert "[DONE]" == rest[-1]
    assert 0 == await asyncio.to_thread(server.process.wait, 20)
