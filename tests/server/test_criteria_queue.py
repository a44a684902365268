"""05098000 on a running server: how calls wait for busy servers, and what those are told that cannot be served."""

from __future__ import annotations

import asyncio

import pytest
from llmlb_testing.server import LiveServer

QUEUE_SIZE, QUEUE_TIMEOUT_S = 10, 4
WARMUP_S = 1
TOML = f"""
[log]
access = false

[workers]
warmup_wait_s = {WARMUP_S}

[models.late]
engine = "echo"
options = {{ load_delay_s = 60 }}
"""
ENV = {"LLMLB_QUEUE_MAX_SIZE": str(QUEUE_SIZE), "LLMLB_QUEUE_TIMEOUT_SECS": str(QUEUE_TIMEOUT_S)}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A balancer whose queue holds 10 calls for 4 s."""
    server = LiveServer.start(tmp_path_factory.mktemp("queue") / "data", TOML, ENV)
    yield server
    server.stop()


async def test_ten_calls_at_once_at_one_server_are_all_answered_one_after_the_other(balancer, new_node):
    """05098000-S1, F4, E5, 63acef08-S1: one runs, nine wait, each is told where it stood; nothing ever runs beside another."""
    node = await new_node("ten")
    await balancer.online(node, "ten", max_in_flight=1)
    node.gate.clear()

    calls = [asyncio.create_task(balancer.chat("ten", str(number))) for number in range(10)]
    await balancer.waiting(9)
    node.gate.set()
    answers = await asyncio.gather(*calls)

    assert [200] * 10 == [each.status for each in answers]
    assert (10, 1) == (len(node.texts), node.most_running)
    positions = sorted(int(each.headers["x-queue-position"]) for each in answers if "x-queue-position" in each.headers)
    assert [*range(1, 10)] == positions
    assert 9 == sum("x-queue-wait-ms" in each.headers for each in answers)


async def test_a_full_queue_refuses_within_a_second(balancer, new_node):
    """05098000-S2, F2, F5, E4, 35375000-S3: 429, why, and when to come back; those that wait lose nothing."""
    node = await new_node("full")
    await balancer.online(node, "full", max_in_flight=1)
    node.gate.clear()
    calls = [asyncio.create_task(balancer.chat("full")) for _ in range(1 + QUEUE_SIZE)]
    await balancer.waiting(QUEUE_SIZE)

    refused = await balancer.chat("full")
    node.gate.set()
    answers = await asyncio.gather(*calls)

    assert (429, "queue_full") == (refused.status, refused.error)
    assert int(refused.headers["retry-after"]) == refused.json["error"]["retry_after"] >= 1
    assert "busy" in refused.json["error"]["message"]
    assert refused.seconds < 1
    assert [200] * (1 + QUEUE_SIZE) == [each.status for each in answers]


async def test_a_wait_that_is_too_long_ends_when_the_limit_says(balancer, new_node):
    """05098000-S3, F3, F6, 35375000-E2, S4: 504 after 4 s of 4, and nothing of the call is left behind."""
    node = await new_node("long")
    endpoint_id = await balancer.online(node, "long", max_in_flight=1)
    node.gate.clear()
    running = asyncio.create_task(balancer.chat("long"))
    await balancer.until(endpoint_id, lambda each: each["in_flight"] == 1)

    late = await balancer.chat("long", "late")
    left = await balancer.waiting(0)
    node.gate.set()

    assert (504, "queue_timeout") == (late.status, late.error)
    assert QUEUE_TIMEOUT_S == late.json["error"]["waited_secs"]
    assert QUEUE_TIMEOUT_S - 0.1 <= late.seconds < QUEUE_TIMEOUT_S + 5
    assert left["timeout_count"] >= 1
    assert 200 == (await running).status
    assert ["hi"] == node.texts


async def test_idle_servers_are_found_at_once(balancer, new_node):
    """05098000-S4, F8: 400 calls, 4 at a time, over four servers of one slot each: 95 of 100 wait for nothing."""
    nodes = [await new_node("idle") for _ in range(4)]
    for number, node in enumerate(nodes):
        await balancer.online(node, f"idle-{number}", max_in_flight=1)

    async def caller() -> list:
        return [await balancer.chat("idle") for _ in range(100)]

    answers = [each for found in await asyncio.gather(*(caller() for _ in range(4))) for each in found]

    assert {200} == {each.status for each in answers}
    assert sum("x-queue-position" not in each.headers for each in answers) >= 0.95 * len(answers)
    assert [1] * 4 == [node.most_running for node in nodes]


async def test_figures_of_the_queue_are_those_of_now(balancer, new_node):
    """05098000-S5, F7, F14: sums of what waits and runs, right in the moment in which somebody asks, and nobody's calls."""
    node = await new_node("now")
    await balancer.online(node, "now", max_in_flight=1)
    node.gate.clear()
    before = await balancer.waiting(0)
    calls = [asyncio.create_task(balancer.chat("now", "private words")) for _ in range(3)]

    busy = await balancer.waiting(2)
    node.gate.set()
    await asyncio.gather(*calls)
    after = await balancer.waiting(0)

    assert (0, 1, 0) == tuple(each["processing_count"] for each in (before, busy, after))
    assert after["avg_process_time_ms"] > 0
    assert {"now": 2} == busy["waiting_by_model"]
    assert not any(secret in str(busy) for secret in ("private", "key:", "req-"))


async def test_callers_take_turns(balancer, new_node):
    """05098000-E6, F12: five calls of A and two of B wait together: A B A B A A A."""
    node = await new_node("turns")
    endpoint_id = await balancer.online(node, "turns", max_in_flight=1)
    made = [await balancer.ask("POST", "/v0/api-keys", {"name": name, "scopes": ["api"]}) for name in ("A", "B", "first")]
    a, b, first = (each.json["key"] for each in made)
    node.gate.clear()

    calls = [asyncio.create_task(balancer.chat("turns", "first", key=first))]
    await balancer.until(endpoint_id, lambda each: each["in_flight"] == 1)
    for number, (name, key) in enumerate([("A", a)] * 5 + [("B", b)] * 2, 1):
        calls.append(asyncio.create_task(balancer.chat("turns", name, key=key)))
        await balancer.waiting(number)
    node.gate.set()
    await asyncio.gather(*calls)

    assert "first A B A B A A A" == " ".join(node.texts)


async def test_a_client_that_leaves_gives_its_place_up(balancer, new_node):
    """05098000-F9, 63acef08-F7: its place is free within a moment, no server ever sees its call, and the others go on."""
    node = await new_node("leave")
    endpoint_id = await balancer.online(node, "leave", max_in_flight=1)
    node.gate.clear()
    running = asyncio.create_task(balancer.chat("leave", "stays"))
    await balancer.until(endpoint_id, lambda each: each["in_flight"] == 1)
    leaving = asyncio.create_task(balancer.chat("leave", "leaves"))
    await balancer.waiting(1)

    leaving.cancel()
    await balancer.waiting(0)
    node.gate.set()

    assert 200 == (await running).status
    assert 200 == (await balancer.chat("leave", "comes")).status
    assert ["stays", "comes"] == node.texts


async def test_a_server_that_says_it_is_busy_is_not_the_last_word(balancer, new_node):
    """05098000-F10, F15, F17: its 429 leads to another server, and the client sees one good answer."""
    busy, free = await new_node("busy", status=429), await new_node("busy")
    await balancer.online(busy, "busy")
    await balancer.online(free, "free")

    answers = [await balancer.chat("busy") for _ in range(6)]

    assert {(200, "free")} == {(each.status, each.server) for each in answers}
    assert busy.texts
    assert "2" in {each.headers["x-llmlb-attempts"] for each in answers}


async def test_whoever_waits_is_sent_elsewhere_when_a_server_goes_away(balancer, new_node):
    """05098000-E1, E2, 35375000-E3: what waits, or waits for a plain answer there, is answered by the server that is left."""
    going, staying = await new_node("away"), await new_node("away")
    going_id = await balancer.online(going, "going", max_in_flight=1)
    await balancer.online(staying, "staying", max_in_flight=1)
    for node in (going, staying):
        node.gate.clear()
    calls = [asyncio.create_task(balancer.chat("away")) for _ in range(6)]
    await balancer.waiting(4)

    going.is_well = False
    for _ in range(2):
        await balancer.ask("POST", f"/v0/endpoints/{going_id}/test")
    staying.gate.set()
    answers = await asyncio.gather(*calls)
    going.gate.set()

    assert "offline" == (await balancer.shown(going_id))["status"]
    assert {(200, "staying")} == {(each.status, each.server) for each in answers}
    assert (1, 6) == (len(going.texts), len(staying.texts))


async def test_a_stream_waits_within_the_same_limit(balancer, new_node):
    """05098000-E3: while it waits the limit holds; once its first piece is there it may take longer than that."""
    node = await new_node("piece")
    endpoint_id = await balancer.online(node, "piece", max_in_flight=1)
    node.gate.clear()
    slow = asyncio.create_task(balancer.chat("piece", stream=True))
    await balancer.until(endpoint_id, lambda each: each["in_flight"] == 1)

    late = await balancer.chat("piece", stream=True)
    node.gate.set()
    answer = await slow

    assert (504, "queue_timeout") == (late.status, late.error)
    assert answer.seconds > QUEUE_TIMEOUT_S
    assert answer.text.rstrip().endswith("data: [DONE]")


async def test_a_model_that_loads_for_long_is_said_to(balancer):
    """05098000-F18, 35375000-F2: 503 and when to come back, after a wait that has a limit of its own."""
    answer = await balancer.chat("late")

    assert (503, "model_loading") == (answer.status, answer.error)
    assert int(answer.headers["retry-after"]) >= 1
    assert WARMUP_S - 0.1 <= answer.seconds < WARMUP_S + 5
