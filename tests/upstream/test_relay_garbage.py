"""What a relayed call leaves in memory when it is over: nothing that only the garbage collector can find."""

from __future__ import annotations

import gc

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from llmlb_core.contracts.outlet import Outlet
from llmlb_core.upstream.exchange import Exchange

from .conftest import chat


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
    await front.post(chat(stream=stream))
    await front.idle()
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            await front.post(chat(stream=stream))
        await front.idle()
        kept = [type(each).__name__ for each in gc.get_objects() if isinstance(each, Exchange | Outlet)]
    finally:
        gc.enable()

    assert [] == kept
