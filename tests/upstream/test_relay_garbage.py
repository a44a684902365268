"""What a relayed call leaves in memory when it is over: nothing that only the garbage collector can find."""

from __future__ import annotations

import gc
import itertools

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from llmlb_core.contracts.outlet import Outlet
from llmlb_core.upstream.exchange import Exchange

from .conftest import chat


async def kept_after(front, call):
    """Make calls while nothing is collected; return what is still in memory of them. The first one fills caches."""
    await call()
    await front.idle()
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            await call()
        await front.idle()
        return [type(each).__name__ for each in gc.get_objects() if isinstance(each, Exchange | Outlet)]
    finally:
        gc.enable()


async def good(visit):
    """Answer as asked."""
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta("good")), chunk(DONE), chunk(b""))
    else:
        visit.send(plain(completion("good")))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_is_over_is_freed_at_once(relay, stream):
    """Outlet and exchange know one another while bytes flow; a knot of them for each call would fill a busy server's memory."""
    front, _ = await relay(good)

    kept = await kept_after(front, lambda: front.post(chat(stream=stream)))

    assert [] == kept


async def broken(visit):
    """Break every stream after its first word, and every plain answer in its head."""
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta("good")))
        await visit.drained()
    visit.reset()


async def failing(visit):
    """Fail before the first content."""
    visit.send(plain({"error": {"message": "out of memory"}}, 500))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("scripts", [[failing, good], [broken, good], [failing, failing], [broken, broken]])
async def test_a_call_that_failed_is_freed_at_once(relay, stream, scripts):
    """Tried again, replayed or given up: errors know, by their tracebacks, what raised them, which must not know them."""
    front, *_ = await relay(*scripts, tail="[circuit_breaker]\nfailure_count = 0\nerror_rate_0_1 = 0")

    kept = await kept_after(front, lambda: front.post(chat(stream=stream)))

    assert [] == kept


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_whose_client_left_is_freed_at_once(relay, stream):
    """Nothing remembers it."""

    async def slow(visit):
        if visit.json.get("stream"):
            visit.send(sse_head(), chunk(delta("good")))
        await visit.gone()

    front, upstream = await relay(slow)
    counts = itertools.count(1)

    async def leave():
        call = await front.open(chat(stream=stream))
        visit = await upstream.visited(next(counts))
        call.leave()
        await visit.gone()

    kept = await kept_after(front, leave)

    assert [] == kept
