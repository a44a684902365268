"""Circuit breakers end to end, over both planes (streams.md, rule 5), and plain calls at a server that goes away (rule 4)."""

from __future__ import annotations

import asyncio
import json

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from llmlb_core.domain.breaker import BreakerState
from llmlb_core.errors import EndpointFailed

from .conftest import chat

SHORT = "\n[circuit_breaker]\nopen_s = 0.5\nmax_open_s = 0.5\n"


def answering(status: int, *lines: str):
    """Return a script that answers *status*, and 200 as asked."""

    async def answer(visit):
        if status != 200:
            visit.send(plain({"error": {"message": "broken"}}, status, *lines))
        elif visit.json.get("stream"):
            visit.send(sse_head(), chunk(delta("good")), chunk(DONE), chunk(b""))
        else:
            visit.send(plain(completion("good")))

    return answer


async def open_one(front, sick, well):
    """Let calls fail at *sick* until its breaker is open; *well* is kept busy meanwhile, else the router goes there. Return it."""
    go_on = asyncio.Event()

    async def held(visit):
        await go_on.wait()
        visit.send(plain(completion("good")))

    well.script = held
    waits = await front.open(chat())
    async with asyncio.timeout(10):
        while not well.visits:  # noqa: ASYNC110  # the fake server tells nobody
            await asyncio.sleep(0.01)
    server = next(each for each in front.servers if each.name == "e0")
    for _ in range(5):
        if server.tripped is None:
            await front.post(chat())
    assert server.tripped is not None
    assert BreakerState.OPEN is server.tripped["m"].state
    assert 5 == len(sick.visits)
    well.script = answering(200)
    go_on.set()
    await waits.ended()
    return server


async def asked(front, path: str = "/v0/endpoints") -> dict:
    """Return what a page of the admin API answers."""
    client = front.app.test_client()
    return json.loads(await (await client.get(path)).get_data())


async def test_five_failures_open_it_and_one_good_call_closes_it(relay):
    """Calls go to the other endpoint at once; then one call tries, its answer closes the breaker, and both serve again."""
    front, sick, well = await relay(answering(500), answering(200), extra="max_in_flight = 1")
    server = await open_one(front, sick, well)

    during = [await front.post(chat()) for _ in range(6)]
    breaker = server.tripped["m"]
    shown = (await asked(front))["endpoints"][0]["breakers"]
    told = await front.app.test_client().post("/v0/route/explain", json={"model": "m"})
    explained = json.loads(await told.get_data())["candidates"][0]
    sick.script = answering(200)
    front.house.breakers.checked_well(server)
    after = [await front.post(chat()) for _ in range(6)]

    assert [("e1", "1")] * 6 == [(call.headers["x-llmlb-endpoint"], call.headers.get("x-llmlb-attempts", "1")) for call in during]
    assert [("m", "open", 5)] == [(each["model"], each["state"], each["failures"]) for each in shown]
    assert "breaker open for" in explained["reason"]
    assert ("unroutable", "circuit_breaker") == (explained["state"], explained["by"])
    assert sick.url.split("//")[1] not in json.dumps([shown, explained])
    assert BreakerState.CLOSED is breaker.state
    assert {"e0", "e1"} == {call.headers["x-llmlb-endpoint"] for call in after}


async def test_a_model_with_one_endpoint_is_tried_and_comes_back(relay):
    """While it is open a call that cannot wait is told why and when; after the cool-down the next call tries it and is answered."""
    front, upstream = await relay(answering(500), extra=SHORT)
    server = front.servers[0]

    for _ in range(5):
        if server.tripped is None:
            await front.post(chat())
    refused = await front.post(chat())
    upstream.script = answering(200)
    async with asyncio.timeout(10):
        while server.tripped["m"].is_blocked:  # noqa: ASYNC110  # a timer of its own ends that
            await asyncio.sleep(0.01)
    call = await front.post(chat(stream=True))

    assert (503, "no_capable_nodes", "1") == (refused.status, refused.error["code"], refused.headers["retry-after"])
    assert "breaker open for" in refused.error["message"]
    assert "127.0.0.1" not in refused.error["message"]
    assert 200 == call.status
    assert server.tripped is None


async def test_429_sends_calls_elsewhere_for_as_long_as_it_says(relay):
    """``Retry-After: 30``: one call is refused there, the next ten never ask; it counts as no failure."""
    front, busy, _ = await relay(answering(429, "retry-after: 30"), answering(200))
    server = next(each for each in front.servers if each.name == "e0")

    calls = [await front.post(chat()) for _ in range(12)]

    assert [200] * 12 == [call.status for call in calls]
    assert 1 == len(busy.visits)
    breaker = server.tripped["m"]
    assert (BreakerState.COOLING_DOWN, 0) == (breaker.state, breaker.failure_count)
    assert 25 < breaker.wait_s(front.house.breakers.now) <= 30


@pytest.mark.parametrize("stream", [False, True])
async def test_ten_clients_that_leave_open_nothing(relay, stream):
    """Before any content came; the eleventh call is served."""

    async def silent(visit):
        await visit.gone()

    front, upstream = await relay(silent)

    for number in range(10):
        call = await front.open(chat(stream=stream))
        async with asyncio.timeout(10):
            while len(upstream.visits) == number:  # noqa: ASYNC110  # the fake server tells nobody
                await asyncio.sleep(0.01)
        call.leave()
        await front.idle()
    upstream.script = answering(200)
    last = await front.post(chat(stream=stream))

    assert 200 == last.status
    assert front.servers[0].breakers is None


async def test_the_counters_show_what_is_open(relay):
    """One cell for each breaker that is not closed, and how often one opened."""
    front, sick, well = await relay(answering(500), answering(200), extra="max_in_flight = 1")

    await open_one(front, sick, well)

    families = {each.name: {one.labels: one.value for one in each.samples} for each in front.house._metrics.collect()}
    assert {("e0", "m", "open"): 1} == families["endpoint_breaker_state"]
    assert {("e0",): 1} == families["endpoint_breaker_openings"]


async def test_a_plain_call_leaves_a_server_that_went_away(relay):
    """It is answered by another one, long before its 600 s; a stream stays, silence has a time limit of its own."""

    async def hanging(visit):
        if visit.json.get("stream"):
            visit.send(sse_head(), chunk(delta("a")))
        await visit.gone()

    front, first, second = await relay(hanging, hanging)
    streams = [await (await front.open(chat(stream=True))).holds(b"a") for _ in range(2)]
    calls = [await front.open(chat()) for _ in range(2)]
    async with asyncio.timeout(10):
        while len(first.visits) + len(second.visits) < 4:  # noqa: ASYNC110  # the fake server tells nobody
            await asyncio.sleep(0.01)
    second.script = answering(200)

    held = [sum(not visit.json.get("stream") for visit in each.visits) for each in (first, second)]
    next(each for each in front.servers if each.name == "e0").fail_plain(EndpointFailed("it went away"))
    async with asyncio.timeout(10):
        while sum(call.over.is_set() for call in calls) < held[0]:  # noqa: ASYNC110  # any of them
            await asyncio.sleep(0.01)

    assert held[0]
    assert {200, 0} >= {call.status for call in calls}
    assert [False, False] == [stream.over.is_set() for stream in streams]
    for each in (*streams, *calls):
        each.leave()
