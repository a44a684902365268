"""Clients that read slowly, or leave."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

import llmlb_core.upstream.exchange as exchange_module

from .conftest import chat

PIECE = delta("x" * 8000)
TOTAL = 40_000_000


async def endless(visit):
    """Write events as fast as they are read, 40 MB at most."""
    visit.send(sse_head())
    sent = 0
    while not visit.is_gone and sent < TOTAL:
        await visit.drained()
        visit.send(chunk(PIECE))
        sent += len(PIECE)
        await asyncio.sleep(0)
    visit.send(chunk(DONE), chunk(b""))


async def endless_plain(visit):
    """Write one long plain answer as fast as it is read."""
    body = json.dumps(completion("y" * TOTAL)).encode()
    whole = plain(body)
    for at in range(0, len(whole), 65536):
        if visit.is_gone:
            return
        await visit.drained()
        visit.send(whole[at : at + 65536])
        await asyncio.sleep(0)


@pytest.mark.parametrize("script", [endless, endless_plain])
async def test_a_client_that_does_not_read_pauses_the_server(relay, script):
    """What is buffered on the way stays small, whatever the answer's size; all of it arrives in the end."""
    front, upstream = await relay(script)
    stream = script is endless

    tracemalloc.start()
    call = await front.open(chat(stream=stream), small=True)
    await call.opened()
    call.stop_reading()
    visit = await upstream.visited()
    async with asyncio.timeout(10):
        while not visit.is_paused:  # noqa: ASYNC110  # until the buffers of three sockets are full
            await asyncio.sleep(0.01)
        before = -1
        while before != (before := len(call.body)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    buffered = tracemalloc.get_traced_memory()[0] - len(call.body)
    tracemalloc.stop()
    call.go_on()
    await call.ended()

    assert call.is_whole
    assert len(call.body) >= TOTAL
    # the fake's own answer is part of what is traced
    assert buffered < (8_000_000 if stream else 3 * TOTAL + 8_000_000)


@pytest.mark.parametrize("script", [endless, endless_plain])
async def test_a_client_that_never_reads_is_given_up(relay, script, monkeypatch):
    """Its call ends, and the server's connection with it."""
    monkeypatch.setattr(exchange_module, "CLIENT_READ_S", 0.3)
    front, upstream = await relay(script)

    call = await front.open(chat(stream=script is endless), small=True)
    await call.opened()
    call.stop_reading()

    await (await upstream.visited()).gone()
    call.go_on()
    await call.ended()
    assert not call.is_whole


async def hanging(visit):
    """Say nothing."""
    await visit.gone()


async def begun(visit):
    """Begin a stream and say nothing more."""
    visit.send(sse_head(), chunk(delta("one")))
    await visit.gone()


async def begun_plain(visit):
    """Begin a plain answer that is committed."""
    visit.send(plain(json.dumps(completion("y" * 3_000_000)).encode())[:2_000_000])
    await visit.gone()


@pytest.mark.parametrize(
    ("script", "stream", "is_open"),
    [(hanging, True, False), (hanging, False, False), (begun, True, True), (begun_plain, False, True), (endless, True, True)],
)
async def test_a_client_that_leaves_ends_the_servers_work_within_a_second(relay, script, stream, is_open):
    """Before and after the first byte, stream and plain (63acef08-F7)."""
    front, upstream = await relay(script)

    call = await front.open(chat(stream=stream))
    if is_open:
        await call.opened()
    visit = await upstream.visited()
    left_at = time.monotonic()
    call.leave()
    await visit.gone()

    assert time.monotonic() - left_at < 1
    await front.idle()
    assert 0 == front.servers[0].pool.open_count


async def test_a_client_that_leaves_is_not_tried_elsewhere(relay):
    """One server saw the call, the other none."""
    front, first, second = await relay(hanging, hanging)

    call = await front.open(chat())
    second.changed = first.changed
    await first.until(lambda: bool(first.visits or second.visits))
    call.leave()
    await front.idle()

    assert 1 == len(first.visits) + len(second.visits)


async def test_a_client_that_leaves_while_we_connect_leaves_nothing(relay):
    """The connection that was on its way is closed, or never made."""
    front, _ = await relay(hanging)

    for turns in range(12):
        call = await front.open(chat())
        for _ in range(turns):
            await asyncio.sleep(0)
        call.leave()
        await front.idle()

    assert 0 == front.servers[0].pool.open_count


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_may_leave_at_any_moment(relay, stream):
    """Around the moment in which the answer commits, too: no lease, task or connection is left."""

    async def slowly(visit):
        await visit.send_slowly(sse_head() + chunk(delta("a")) + chunk(DONE) + chunk(b"") if stream else plain({"a": 1}))

    front, _ = await relay(slowly)

    for turns in range(0, 120, 4):
        call = await front.open(chat(stream=stream))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.leave()
    await front.idle()
    call = await front.post(chat(stream=stream))

    assert call.is_whole
    assert front.servers[0].pool.open_count == front.servers[0].pool.idle_count
