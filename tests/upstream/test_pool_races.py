"""Kept connections that a server closes just as a call takes them."""

from __future__ import annotations

import asyncio

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

import llmlb_core.upstream.exchange as exchange_module
import llmlb_core.upstream.pool as pool_module
from llmlb_core.upstream.sweep import Sweep

from .conftest import chat


async def good(visit):
    """Answer as asked."""
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta("good")), chunk(DONE), chunk(b""))
    else:
        visit.send(plain(completion("good")))


WAYS = {"closed": lambda visit: visit.end(), "reset": lambda visit: visit.reset()}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("way", WAYS)
async def test_an_idle_connection_that_is_closed_under_a_call_is_dialled_anew(relay, way, stream):
    """The client sees a good answer and no attempt is counted."""

    async def closing(visit):
        if visit.connection == 0 and len(upstream.visits) == 2:
            WAYS[way](visit)
        else:
            await good(visit)

    front, upstream = await relay(closing)

    calls = [await front.post(chat(stream=stream)) for _ in range(3)]

    assert [200] * 3 == [call.status for call in calls]
    assert ["1"] * 3 == [call.headers["x-llmlb-attempts"] for call in calls]
    assert [0, 0, 1, 1] == [visit.connection for visit in upstream.visits]


async def test_idle_connections_closed_by_the_server_are_not_used(relay):
    """Where the end was seen before the call."""
    front, upstream = await relay(good)

    await front.post(chat())
    upstream.close_idle()
    await upstream.until(lambda: upstream.open_count == 0)
    await front.idle()
    call = await front.post(chat())

    assert (200, [0, 1]) == (call.status, [visit.connection for visit in upstream.visits])


@pytest.mark.parametrize("way", WAYS)
async def test_closing_under_calls_never_shows(relay, way):
    """A server that closes after each answer, a little later: 60 calls, none of them fails."""

    async def fickle(visit):
        await good(visit)
        asyncio.get_running_loop().call_later(0.0005 * (len(upstream.visits) % 5), WAYS[way], visit)

    front, upstream = await relay(fickle)

    calls = []
    for number in range(60):
        calls.append(await front.post(chat(stream=bool(number % 2))))
        await asyncio.sleep(0.0003 * (number % 4))

    assert [200] * 60 == [call.status for call in calls]
    assert all(b"good" in call.body for call in calls)


async def test_it_is_dialled_anew_once(relay):
    """A server that closes new connections too has failed: each further attempt counts."""

    async def closing(visit):
        if len(upstream.visits) == 1:
            await good(visit)
        else:
            visit.end()

    front, upstream = await relay(closing)

    await front.post(chat())
    call = await front.post(chat())

    assert 502 == call.status
    assert [0, 0, 1, 2, 3] == [visit.connection for visit in upstream.visits]


@pytest.mark.parametrize("first", [b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\ncontent-type: a/b\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_after_the_first_byte_it_is_a_failure(relay, first):
    """The server has seen the request: it counts as an attempt."""

    async def closing(visit):
        if visit.connection == 0 and len(upstream.visits) > 1:
            visit.send(first)
            await asyncio.sleep(0.02)
            visit.end()
        else:
            await good(visit)

    front, upstream = await relay(closing)

    await front.post(chat())
    call = await front.post(chat())

    assert (200, "2") == (call.status, call.headers["x-llmlb-attempts"])
    assert [0, 0, 1] == [visit.connection for visit in upstream.visits]


async def test_a_server_that_worked_for_a_while_and_died_has_failed(relay, monkeypatch):
    """It may have executed the request: sending it again is another attempt, of three at most."""
    monkeypatch.setattr(exchange_module, "REUSED_S", 0.05)

    async def dying(visit):
        if len(upstream.visits) > 1:
            await asyncio.sleep(0.2)
            visit.end()
        else:
            await good(visit)

    front, upstream = await relay(dying)

    await front.post(chat())
    call = await front.post(chat())

    assert (502, 4) == (call.status, len(upstream.visits))


async def test_a_server_that_is_gone_after_a_call_is_told(relay):
    """The kept connection is lost, the new one refused."""

    async def last(visit):
        await good(visit)
        if len(upstream.visits) == 1:
            await upstream.stop_listening()
        else:
            visit.end()

    front, upstream = await relay(last)

    async def closing(visit):
        visit.end()

    await front.post(chat())
    upstream.script = closing
    call = await front.post(chat())

    assert 502 == call.status
    assert "refuses connections" in call.error["message"]


async def test_idle_connections_grow_old_and_are_closed(relay, monkeypatch):
    """Also those that no call takes, because younger ones are taken first."""
    monkeypatch.setattr(pool_module, "IDLE_TIMEOUT_S", 0.4)
    together = asyncio.Barrier(4)

    async def meeting(visit):
        await together.wait()
        await good(visit)

    front, upstream = await relay(meeting)

    await asyncio.gather(*(front.post(chat()) for _ in range(4)))
    idle = front.servers[0].pool.idle_count
    await upstream.until(lambda: upstream.open_count == 0)
    await front.idle()

    assert 4 == idle
    assert (0, 0) == (front.servers[0].pool.open_count, front.servers[0].pool.idle_count)


async def test_idle_connections_have_a_bound(relay, monkeypatch):
    """The oldest is closed."""
    monkeypatch.setattr(pool_module, "MAX_IDLE", 3)
    together = asyncio.Barrier(8)

    async def meeting(visit):
        await together.wait()
        await good(visit)

    front, upstream = await relay(meeting)

    await asyncio.gather(*(front.post(chat()) for _ in range(8)))
    await upstream.until(lambda: upstream.open_count == 3)

    assert 3 == front.servers[0].pool.idle_count


async def test_closing_the_server_closes_its_connections(relay):
    """Idle ones at the end of the house."""
    front, upstream = await relay(good)

    await front.post(chat())
    front.servers[0].close()
    await upstream.until(lambda: upstream.open_count == 0)

    assert 0 == front.servers[0].pool.open_count


async def test_one_member_of_a_sweep_that_raises_stops_no_other():
    """Time limits are everybody's last resort."""
    loop = asyncio.get_running_loop()
    told: list[object] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    sweep = Sweep(loop)
    over = asyncio.Event()

    class Member:
        overdue_at = 0.0

        def __init__(self, count):
            self.count = count

        def overdue(self):
            self.count -= 1
            if self.count < 0:
                raise RuntimeError("a defect")
            if not self.count:
                sweep.discard(self)
                over.set()

    broken, sound = Member(0), Member(2)
    sweep.add(broken)
    sweep.add(sound)
    async with asyncio.timeout(10):
        await over.wait()
    sweep.stop()

    assert told
    assert {RuntimeError} == {type(each) for each in told}
