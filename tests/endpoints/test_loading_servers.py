"""A server that is started again: calls wait while it loads, and are served by it."""

from __future__ import annotations

import asyncio

import pytest
from llmlb_testing.upstream import plain

LOADING = plain({"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, 503, "server: llama.cpp")
WELL = plain({"status": "ok"}, 200, "server: llama.cpp")


async def restarting(desk, node):
    """Register a server which is then started again, and now loads."""
    node.answers["/health"] = WELL
    created = await desk.online(node.url)
    node.answers["/health"] = LOADING
    await desk.ask("POST", f"/{created['id']}/test")
    return created


async def called(node):
    """Return when a call has come."""
    await node.upstream.until(lambda: any(visit.head.startswith(b"POST ") for visit in node.upstream.visits))


async def test_calls_wait_while_a_server_loads(desk, node):
    """35375000-E1 on a server that says so as llama.cpp does: it is looked at every two seconds, and then has the call."""
    created = await restarting(desk, node)
    call = asyncio.create_task(desk.client.chat(model="m"))
    await desk.client.waiting(1)

    node.answers["/health"] = WELL
    await desk.ask("POST", f"/{created['id']}/test")
    answer = await call

    assert (200, "1") == (answer.status, answer.headers["x-queue-position"])
    assert int(answer.headers["x-queue-wait-ms"]) > 0


async def test_a_server_that_loads_is_looked_at_more_often(tmp_path, open_app_at, node):
    """Not half a minute later, when nobody waits any more."""
    async with open_app_at(tmp_path / "app", interval_s=30) as desk:
        node.answers["/health"] = LOADING
        created = await desk.register(node.url, models=["m"])
        await desk.until(created["id"], lambda each: each["unroutable_reason"] == "is still loading its model")
        node.answers["/health"] = WELL

        await desk.until(created["id"], lambda each: each["is_routable"])


@pytest.mark.parametrize("stream", [False, True])
async def test_loading_that_takes_too_long_is_told(tmp_path, open_app_at, node, stream):
    """Decisions: 503 with Retry-After and the reason, after [workers] warmup_wait_s."""
    async with open_app_at(tmp_path / "app", "\n[workers]\nwarmup_wait_s = 0.2\n") as desk:
        await restarting(desk, node)

        answer = await desk.client.chat(model="m", stream=stream)

    error = answer.json["error"]
    assert (503, "model_loading", "service_unavailable", "10") == (
        answer.status,
        error["code"],
        error["type"],
        answer.headers["retry-after"],
    )
    assert "Model 'm' is still loading on the only endpoint that has it" in error["message"]


async def test_who_waits_is_told_when_the_server_goes_away(desk, node):
    """35375000-E3: at once, with the reason, not after the time-out."""
    node.hold.clear()
    created = await desk.online(node.url, max_in_flight=1)
    running = asyncio.create_task(desk.client.chat(model="m"))
    await called(node)
    waiting = asyncio.create_task(desk.client.chat(model="m"))
    await desk.client.waiting(1)

    node.is_well = False
    await desk.ask("POST", f"/{created['id']}/test")
    answer = await waiting
    node.hold.set()
    await running

    assert (503, "no_capable_nodes", "5") == (answer.status, answer.json["error"]["code"], answer.headers["retry-after"])
    assert "node: failed its last health check" in answer.json["error"]["message"]


async def test_who_waits_is_served_by_a_server_that_is_added(desk, new_node):
    """An operator adds one because there is a queue."""
    busy, added = await new_node(), await new_node()
    busy.hold.clear()
    await desk.online(busy.url, "busy", max_in_flight=1)
    running = asyncio.create_task(desk.client.chat(model="m"))
    await called(busy)
    waiting = asyncio.create_task(desk.client.chat(model="m"))
    await desk.client.waiting(1)

    await desk.online(added.url, "added")
    answer = await waiting
    busy.hold.set()
    await running

    assert (200, "added") == (answer.status, answer.headers["x-llmlb-endpoint"])


async def test_who_waits_for_a_server_that_is_removed_is_told(desk, node):
    """Its model is served no more: what a new call would be told."""
    node.hold.clear()
    created = await desk.online(node.url, max_in_flight=1)
    running = asyncio.create_task(desk.client.chat(model="m"))
    await called(node)
    waiting = asyncio.create_task(desk.client.chat(model="m"))
    await desk.client.waiting(1)

    await desk.ask("DELETE", f"/{created['id']}")
    answer = await waiting
    node.hold.set()

    assert (404, "model_not_found") == (answer.status, answer.json["error"]["code"])
    assert 200 == (await running).status
