"""``/v0/queue/stats``, ``/v0/load-status``, ``/v0/load-balancer/stats`` and the metrics of the queue, under real calls."""

from __future__ import annotations

import asyncio
import json

import pytest

ADMISSION = "\n[admission]\nqueue_size = 4\n"


async def page(desk, path):
    """Return a page's document."""
    return await (await desk.client.http.get(path)).get_json()


@pytest.fixture
async def crowded(tmp_path, open_app_at, node):
    """A server with one slot: one call runs there, three wait, and a fifth was refused."""
    async with open_app_at(tmp_path / "app", ADMISSION) as desk:
        await desk.online(node.url, max_in_flight=1)
        node.hold.clear()
        calls = [asyncio.create_task(desk.client.chat(model="m")) for _ in range(4)]
        await desk.client.waiting(3)
        yield desk, node, calls
        node.hold.set()
        await asyncio.gather(*calls)


async def test_the_queue_is_shown(crowded):
    """05098000-F7, F14, S5: waiting and processing now; counts by model, nobody's name; also under /api."""
    desk, _, _ = crowded

    stats = await page(desk, "/v0/queue/stats")

    assert (3, 1, 4, "warning") == tuple(
        stats[key] for key in ("waiting_count", "processing_count", "max_queue_size", "backpressure_state")
    )
    assert {"m": 3} == stats["waiting_by_model"]
    assert stats == await page(desk, "/api/queue/stats")


async def test_the_load_is_shown(crowded):
    """35375000: state, sizes and counts of the last hour; 80 % of 4 is reached by the fourth that waits."""
    desk, _, calls = crowded
    before = await page(desk, "/v0/load-status")
    calls.append(asyncio.create_task(desk.client.chat(model="m")))
    await desk.client.waiting(4)
    refused = await desk.client.chat(model="m")
    after = await page(desk, "/v0/load-status")

    assert 429 == refused.status
    assert ("warning", 3, 4, 0.75, 4) == tuple(
        before[key] for key in ("backpressure_state", "queue_size", "max_queue_size", "load_ratio", "active_connections")
    )
    assert {"total_requests": 4, "rejected_requests": 0, "timeout_requests": 0, "avg_wait_time_ms": 0.0} == before["stats"]
    assert ("overloaded", 1.0) == (after["backpressure_state"], after["load_ratio"])
    assert (6, 1) == (after["stats"]["total_requests"], after["stats"]["rejected_requests"])


async def test_choices_are_counted_with_their_reasons(crowded):
    """589f2df1: of calls that were answered, by endpoint and by reason; older clients say node."""
    desk, node, calls = crowded
    empty = await page(desk, "/v0/load-balancer/stats")

    node.hold.set()
    await asyncio.gather(*calls)
    stats = await page(desk, "/v0/load-balancer/stats")

    assert (0, {}) == (empty["total_selections"], empty["selections_by_endpoint"])
    assert ("least_in_flight", 4) == (stats["mode"], stats["total_selections"])
    assert {"node": 4} == stats["selections_by_endpoint"] == stats["selections_by_node"]
    assert 4 == sum(stats["selections_by_reason"].values())


@pytest.mark.parametrize("path", ["/v0/queue/stats", "/v0/load-status", "/v0/load-balancer/stats", "/v0/route/explain"])
async def test_the_pages_are_for_administrators(tmp_path, path):
    """Without a key 401, with an inference key 403."""
    from llmlb_testing.asgi import open_app

    async with open_app(tmp_path / "app", "[log]\naccess = false\n") as client:
        ask = client.http.post if path.endswith("explain") else client.http.get
        stranger = await ask(path)

    assert (401, "invalid_api_key") == (stranger.status_code, json.loads(await stranger.get_data())["error"]["code"])
