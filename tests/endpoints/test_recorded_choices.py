"""``GET /v0/requests/{id}`` after real calls: which endpoint, why it, what was tried before, how long the wait was."""

from __future__ import annotations

import asyncio
import json

from llmlb_testing.asgi import open_app
from llmlb_testing.upstream import plain

from .conftest import TOML, Desk


async def recorded(client, request_id):
    """Return what the history has of a call, as soon as it has it."""
    async with asyncio.timeout(20):
        while True:
            response = await client.http.get(f"/v0/requests/{request_id}")
            if response.status_code == 200:
                return json.loads(await response.get_data())
            await asyncio.sleep(0.05)


async def test_a_call_is_explained_afterwards(tmp_path, new_node):
    """Issue 4: attempts, endpoint, reason of the choice and queue wait; also of a call that waited in vain."""
    toml = TOML.replace('"endpoint_servers"', '"endpoint_servers", "storage_history"').format(interval_s=30)
    toml += "\n[admission]\nqueue_timeout_s = 1\n"
    async with open_app(tmp_path / "app", toml) as client:
        desk = Desk(client)
        bad = await new_node(answers={"/v1/chat/completions": plain({}, 500)})
        good = await new_node()
        await desk.online(bad.url, "bad", max_in_flight=1)
        await desk.online(good.url, "good", max_in_flight=1)
        tried = await client.chat(model="m")
        bad.answers.clear()
        bad.hold.clear()
        good.hold.clear()
        running = [asyncio.create_task(client.chat(model="m")) for _ in range(2)]
        waiting = asyncio.create_task(client.chat(model="m"))
        await client.waiting(1)
        in_vain = await waiting
        bad.hold.set()
        good.hold.set()
        await asyncio.gather(*running)

        after_failing = await recorded(client, tried.headers["x-request-id"])
        after_waiting = await recorded(client, in_vain.headers["x-request-id"])

    assert ("good", 2) == (after_failing["endpoint"], after_failing["attempt_count"])
    assert after_failing["choice_reason"]
    assert [("bad", "failed", "bad_gateway"), ("good", "completed", "")] == [
        (each["endpoint"], each["outcome"], each["reason"]) for each in after_failing["attempts"]
    ]
    assert all(each["choice_reason"] for each in after_failing["attempts"])
    assert (504, "queue_timeout", 1000.0, []) == tuple(
        after_waiting[name] for name in ("status", "error_code", "queue_ms", "attempts")
    )
