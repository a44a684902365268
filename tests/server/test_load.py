"""Many calls at once."""

from __future__ import annotations

import asyncio

import aiohttp
import psutil
from llmlb_testing.server import LiveServer

TOML = """
[models.echo]
engine = "echo"
options = { max_concurrency = 16 }

[admission]
queue_size = 1000

[log]
access = false
"""


async def test_a_thousand_calls_are_all_answered_and_memory_stays_flat(tmp_path):
    """1,000 calls, 32 at a time, streamed and not: none lost, and after the first hundred the server grows by less than 8 MB."""
    server = LiveServer.start(tmp_path / "data", TOML)
    memory = psutil.Process(server.process.pid)
    headers = {"authorization": f"Bearer {server.key}"}
    right = 0

    async def call(http: aiohttp.ClientSession, number: int) -> None:
        nonlocal right
        stream = number % 2 == 0
        text = f"call number {number} asks"
        body = {"model": "echo", "messages": [{"role": "user", "content": text}], "stream": stream}
        async with http.post("/v1/chat/completions", json=body) as response:
            answer = await response.text()
            done = "[DONE]" in answer if stream else text in answer
            right += response.status == 200 and done

    async def run(numbers: range) -> None:
        waiting = asyncio.Queue[int]()
        for number in numbers:
            waiting.put_nowait(number)

        async def worker() -> None:
            while not waiting.empty():
                await call(http, waiting.get_nowait())

        await asyncio.gather(*(worker() for _ in range(32)))

    try:
        async with aiohttp.ClientSession(server.url, headers=headers, connector=aiohttp.TCPConnector(limit=0)) as http:
            await run(range(100))
            after_hundred = memory.memory_info().rss
            await run(range(100, 1000))
            growth = memory.memory_info().rss - after_hundred
    finally:
        server.stop()

    assert 1000 == right
    assert growth < 8_000_000
