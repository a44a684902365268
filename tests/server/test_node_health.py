"""``GET /v0/health``: what a balancer in front of this server is told."""

from __future__ import annotations

from llmlb_testing.asgi import ECHO_TOML, open_app


async def test_a_server_tells_its_load_and_instances(tmp_path):
    """In the shape of the original nodes (589f2df1-F9), with version and instances beyond it; also under /api."""
    async with open_app(tmp_path) as client:
        before = await (await client.http.get("/v0/health")).get_json()
        await client.chat()
        after = await (await client.http.get("/api/health")).get_json()

    assert ("online", "llmlb", []) == (before["status"], before["server"], before["instances"])
    (instance,) = after["instances"]
    assert ("echo", "ready", 0) == (instance["model"], instance["state"], instance["active_requests"])
    assert instance["max_concurrent_requests"] == after["load"]["max_concurrent_requests"]
    assert (0, 0) == (after["load"]["active_requests"], after["load"]["waiting_requests"])
    assert after["memory"]["ram_total_bytes"] > 0
    assert len(after["gpu"]["devices"]) == after["gpu"]["device_count"]


async def test_strangers_are_told_nothing(tmp_path):
    """Load and devices are for the scope ``api``; ``GET /health`` stays public and says no more than that it lives."""
    async with open_app(tmp_path, ECHO_TOML.replace("is_disabled = true", "is_disabled = false")) as client:
        refused = await client.http.get("/v0/health")
        public = await client.http.get("/health")

        assert (401, 200) == (refused.status_code, public.status_code)
        assert {"status": "ok"} == await public.get_json()
