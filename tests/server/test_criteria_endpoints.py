"""66555000 on a running server: servers are registered, watched, lost and found again."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest
from llmlb_testing.server import LiveServer
from llmlb_testing.upstream import FakeUpstream, plain

INTERVAL_S, TIMEOUT_S = 1.0, 1.0
TOML = f"""
[log]
access = false

[health]
interval_s = {INTERVAL_S}
timeout_s = {TIMEOUT_S}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A balancer that looks at its servers every second, for as long as a second."""
    server = LiveServer.start(tmp_path_factory.mktemp("endpoints") / "data", TOML)
    yield server
    server.stop()


async def test_a_server_is_in_use_half_a_minute_after_it_was_registered(balancer, new_node, until_true):
    """66555000-S2, S5, F2, F12, 93536000-F4: one request, no further step; every model is listed and served."""
    names = [f"first/model-{number}" for number in range(20)]
    node = await new_node(*names)
    began_at = time.monotonic()

    await balancer.register(node, "first")
    await until_true(lambda: balancer.chat(names[-1]), lambda answer: answer.status == 200)
    seconds = time.monotonic() - began_at
    listed = await balancer.ask("GET", "/v1/models")

    assert seconds < 30
    assert {(name, True) for name in names} <= {(each["id"], each["ready"]) for each in listed.json["data"]}


async def test_a_server_that_fails_is_offline_in_two_looks_and_back_with_the_next(balancer, new_node):
    """66555000-S3, S4, F4, F5, F23, 93536000-F7, F15, F27: at the usual 30 s that is within 60 s; calls get 503 at once."""
    node = await new_node("fails")
    endpoint_id = await balancer.online(node, "fails")

    node.is_well = False
    began_at = time.monotonic()
    await balancer.until(endpoint_id, lambda each: each["status"] == "offline")
    lost_s = time.monotonic() - began_at
    refused = await balancer.chat("fails")
    listed = await balancer.ask("GET", "/v1/models")
    node.models, node.is_well = ["fails", "fails-new"], True
    began_at = time.monotonic()
    await balancer.until(endpoint_id, lambda each: each["status"] == "online" and each["model_count"] == 2)
    back_s = time.monotonic() - began_at
    history = await balancer.ask("GET", f"/v0/endpoints/{endpoint_id}/health?limit=100")

    # Generous to a busy machine; the machine of states says how often it looks (tests/endpoints/test_endpoint_health.py).
    assert lost_s < 2 * (INTERVAL_S + TIMEOUT_S) + 5
    assert back_s < 8 * INTERVAL_S + 5
    assert (503, "no_capable_nodes") == (refused.status, refused.error)
    assert refused.seconds < 1
    assert [False] == [each["ready"] for each in listed.json["data"] if each["id"] == "fails"]
    assert 200 == (await balancer.chat("fails-new")).status
    states = [each["status_after"] for each in reversed(history.json["checks"])]
    assert ["online", "error", "offline", "online"] == [
        each for each, before in zip(states, ["", *states], strict=False) if each != before
    ]


async def test_a_look_that_hangs_is_a_failed_one(balancer, new_node):
    """66555000-E2, F19: a server that accepts and says nothing is given up in time, in words."""
    node = await new_node("hangs")
    endpoint_id = await balancer.online(node, "hangs")

    node.is_silent = True
    seen = await balancer.until(endpoint_id, lambda each: each["status"] == "offline")

    assert "did not answer" in seen["last_error"]


async def test_a_server_may_be_registered_while_it_is_away(balancer, new_node):
    """66555000-E1, F5: 201 and pending, then offline without grace; it is used when it comes."""
    node = await new_node("away", is_well=False)

    endpoint_id = await balancer.register(node, "away")
    missing = await balancer.until(endpoint_id, lambda each: each["status"] == "offline")
    unknown = await balancer.chat("away")
    node.is_well = True
    await balancer.until(endpoint_id, lambda each: each["status"] == "online" and each["model_count"] == 1)

    assert 1 == missing["error_count"]
    assert (404, "model_not_found") == (unknown.status, unknown.error)
    assert 200 == (await balancer.chat("away")).status


async def test_a_hundred_servers_with_a_thousand_models_are_registered_and_watched(balancer):
    """66555000-N1: each is registered in a tenth of a second, looked at within a second, and none is left out."""
    paths = set()

    async def script(visit):
        # One program with a hundred addresses; each lists ten models of its own.
        name = visit.path.split("/")[1]
        if visit.path == f"/{name}/v1/models":
            paths.add(visit.path)
            visit.send(plain({"data": [{"id": f"{name}-{number}", "object": "model"} for number in range(10)]}))
        else:
            visit.send(plain({"error": {"message": "no such page"}}, 404))

    async with FakeUpstream.open(script) as upstream:
        took_s, ids = [], []
        for number in range(100):
            began_at = time.monotonic()
            ids.append(await balancer.register(f"{upstream.url}/many{number}", f"many {number}"))
            took_s.append(time.monotonic() - began_at)
        seen = [
            await balancer.until(each, lambda shown: shown["status"] == "online" and shown["model_count"] == 10) for each in ids
        ]
        listed = await balancer.ask("GET", "/v1/models")
        for each in ids:
            assert 204 == (await balancer.ask("DELETE", f"/v0/endpoints/{each}")).status

    assert 1000 == sum(each["id"].startswith("many") for each in listed.json["data"])
    assert statistics.median(took_s) < 2
    assert statistics.median(each["latency_ms"] for each in seen) < 1000
    assert 100 == len(paths)


async def test_a_removed_server_is_gone_at_once(balancer, new_node):
    """66555000-F8, E4, 93536000-F8, F22: 404 from the next call on; registered anew, it is served again."""
    node = await new_node("removed")
    endpoint_id = await balancer.online(node, "removed")
    before = await balancer.chat("removed")

    removed = await balancer.ask("DELETE", f"/v0/endpoints/{endpoint_id}")
    after = await balancer.chat("removed")
    await balancer.online(node, "removed")

    assert (200, 204, 404) == (before.status, removed.status, after.status)
    assert "model_not_found" == after.error
    assert 200 == (await balancer.chat("removed")).status


async def test_servers_neither_register_themselves_nor_need_a_gpu(balancer, new_node):
    """66555000-F26, 5cd7b614-F1, F2, F3: the older routes are gone; a server that tells of no GPU is as good as any."""
    node = await new_node("plain")

    old = [await balancer.ask("POST", path, {"name": "node"}) for path in ("/v0/nodes", "/v0/health")]
    endpoint_id = await balancer.online(node, "plain")

    assert {404, 405} >= {each.status for each in old}
    assert [] == ((await balancer.shown(endpoint_id))["report"] or {"devices": []})["devices"]
    assert 200 == (await balancer.chat("plain")).status


async def test_what_a_server_tells_of_its_gpus_is_shown_and_used(balancer, new_node):
    """5cd7b614-F5, F6, F8, F9, 589f2df1-F9, F10, S2: of two, one with its GPU at 90 %, the other gets the calls."""
    nodes = {}
    for name, use, score in (("hot", 0.9, 9000), ("cool", 0.1, 8000)):
        device = {"id": 0, "name": "RTX 4090", "vendor": "nvidia", "memory_bytes": 24, "free_memory_bytes": 20, "use_0_1": use}
        gpu = {"device_count": 1, "capability_score": score, "devices": [device]}
        load = {"active_requests": 0, "max_concurrent_requests": 4}
        node = nodes[name] = await new_node("gpu")
        node.answers["GET /v0/health"] = plain({"status": "online", "gpu": gpu, "load": load})
        endpoint_id = await balancer.online(node, name)
        shown = (await balancer.shown(endpoint_id))["report"]
        assert (score, "RTX 4090", "nvidia") == (
            shown["gpu_capability_score"],
            shown["devices"][0]["name"],
            shown["devices"][0]["vendor"],
        )

    answers = [await balancer.chat("gpu") for _ in range(6)]

    assert {(200, "cool")} == {(each.status, each.server) for each in answers}


async def test_names_are_compared_as_they_are_written(balancer, new_node):
    """93536000-F6, F8, F11, 32637000-E1: another case is another model, which nobody has; a call goes only where its model is."""
    upper, lower = await new_node("Org/Model"), await new_node("org/other")
    await balancer.online(upper, "upper")
    await balancer.online(lower, "lower")

    right = await balancer.chat("Org/Model")
    wrong = await balancer.chat("org/model")
    vectors = await balancer.ask("POST", "/v1/embeddings", {"model": "org/model", "input": "x"})

    assert (404, "model_not_found") == (vectors.status, vectors.error)
    assert (200, "upper") == (right.status, right.server)
    assert (404, "model_not_found") == (wrong.status, wrong.error)
    assert (1, 0) == (len(upper.texts), len(lower.texts))


async def test_nothing_of_the_inside_is_told_outside(balancer, new_node):
    """35375000-F5: neither a good answer nor an error has a server's address."""
    node = await new_node("inside", status=500)
    endpoint_id = await balancer.online(node, "inside")
    port = node.url.rpartition(":")[2]

    failed = await balancer.chat("inside")
    node.status = 200
    node.is_well = False
    await balancer.until(endpoint_id, lambda each: each["status"] == "offline")
    refused = await balancer.chat("inside")

    assert (502, 503) == (failed.status, refused.status)
    for answer in (failed, refused):
        assert port not in answer.text + str(answer.headers)


async def test_calls_that_are_too_slow_end_with_504(balancer, live, call, tmp_path, new_node):
    """66555000-F19: each server has a limit for its calls, apart from that of a look."""
    node = await new_node("slow")
    node.gate.clear()
    toml = f'\n[[endpoints]]\nname = "slow"\nurl = "{node.url}"\nmodels = ["slow"]\ntimeouts = {{ plain_s = 1 }}\n'
    own = await asyncio.to_thread(LiveServer.start, tmp_path / "own", TOML + toml)
    try:
        async with call(own) as second:
            late = await second.chat("slow")
    finally:
        await asyncio.to_thread(own.stop)

    assert (504, "endpoint_timeout") == (late.status, late.error)
    assert 1 <= late.seconds < 6
    assert 0 == (await balancer.waiting(0))["waiting_count"]
