"""Servers that are silent: each wait has an end, and the client is told which it was."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from .conftest import chat

CHUNKS = 2000
"""Of 20 kB: more than the kernel keeps on the two ways of an answer, some 4 MB each and more where a reader keeps up."""


def limits(**seconds: float) -> str:
    """Return the lines of an endpoint."""
    return "timeouts = { " + ", ".join(f"{name} = {value}" for name, value in seconds.items()) + " }"


async def good(visit):
    """Answer as asked."""
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta("good")), chunk(DONE), chunk(b""))
    else:
        visit.send(plain(completion("good")))


async def silent(visit):
    """Say nothing until the other side leaves."""
    await visit.gone()


async def head_only(visit):
    """Begin a stream, with comments and no event."""
    visit.send(sse_head())
    while not visit.is_gone:
        visit.send(chunk(b": processing\n\n"))
        await asyncio.sleep(0.05)


async def plain_head_only(visit):
    """Begin a plain answer."""
    visit.send(plain(completion())[:150])
    await visit.gone()


SILENCES = {
    "no head": (silent, True, {"head_s": 0.3}, "did not begin its answer within 0.3 s"),
    "no event": (head_only, True, {"first_token_s": 0.3}, "sent nothing of its stream within 0.3 s"),
    "no plain answer": (silent, False, {"plain_s": 0.3, "head_s": 0.1}, "did not complete its answer within 0.3 s"),
    "half a plain answer": (plain_head_only, False, {"plain_s": 0.3}, "did not complete its answer within 0.3 s"),
}


@pytest.mark.parametrize("name", SILENCES)
async def test_silence_before_the_answer_is_told(relay, name):
    """504, which limit it was, and the server's connection is closed."""
    script, stream, seconds, words = SILENCES[name]
    if name == "no head":  # nothing else could serve the call: see below
        seconds, words = {"first_token_s": 0.3, "head_s": 0.1}, SILENCES["no event"][-1]
    front, upstream = await relay(script, extra=limits(**seconds))

    call = await front.post(chat(stream=stream))

    code = "first_token_timeout" if stream else "endpoint_timeout"
    assert (504, code) == (call.status, call.error["code"])
    assert f"Endpoint 'e0' {words}." == call.error["message"]
    await upstream.visits[0].gone()


@pytest.mark.parametrize("name", SILENCES)
async def test_silence_before_the_answer_is_tried_elsewhere(relay, name):
    """The client sees a good answer."""
    script, stream, seconds, _ = SILENCES[name]
    front, first, _ = await relay(script, good, extra=limits(**seconds))

    calls = [await front.post(chat(stream=stream)) for _ in range(2)]

    assert [True, True] == [b"good" in call.body for call in calls]
    assert len(first.visits) >= 1


async def test_silence_in_a_stream_ends_it_with_an_error_event(relay):
    """A stall is a break; comments would have been life."""

    async def stalling(visit):
        visit.send(sse_head(), chunk(delta(f"visit {visit.connection}")))
        for _ in range(8):
            await asyncio.sleep(0.1)
            visit.send(chunk(b": ping\n\n"))
        await visit.gone()

    front, upstream = await relay(stalling, extra=limits(idle_s=0.5))

    call = await front.post(chat(stream=True))

    assert 8 == call.body.count(b": ping\n\n")
    assert "stream_stalled" == json.loads(call.body.rsplit(b"data: ", 1)[1])["error"]["code"]
    assert "was silent for 0.5 s" in call.body.decode()
    await upstream.visits[0].gone()


async def test_rule_4_a_head_may_take_as_long_as_the_first_content_where_nothing_else_could_serve(relay):
    """Some servers send it with the first token: a long prompt must not end there, where waiting is all that can be done."""

    async def slow(visit):
        await asyncio.sleep(1)  # llmlb's own clock: it looks every half second
        visit.send(sse_head(), chunk(delta("x") + DONE), chunk(b""))

    front, upstream = await relay(slow, extra=limits(head_s=0.1, first_token_s=8))

    call = await front.post(chat(stream=True))

    assert (delta("x") + DONE, 1) == (call.body, len(upstream.visits))


async def test_a_slow_stream_has_no_other_limit(relay):
    """It lives as long as it says something, even a byte."""

    async def slow(visit):
        visit.send(sse_head())
        for byte in delta("x")[:12]:
            visit.send(chunk(bytes([byte])))
            await asyncio.sleep(0.1)
        visit.send(chunk(delta("x")[12:] + DONE), chunk(b""))

    front, _ = await relay(slow, extra=limits(head_s=0.3, idle_s=0.6))

    call = await front.post(chat(stream=True))

    assert delta("x") + DONE == call.body


async def test_a_server_that_does_not_accept_is_told(relay):
    """A listener whose queue is full: nothing is refused, nothing is answered."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
            fillers.append(filler)

        async def unused(visit):
            raise AssertionError(visit)

        front, upstream = await relay(unused, extra=limits(connect_s=0.3))
        front.servers[0].pool.address = type(front.servers[0].pool.address)("127.0.0.1", deaf.getsockname()[1], "h", "", None)
        call = await front.post(chat())
        for filler in fillers:
            filler.close()

    assert (504, "Endpoint 'e0' did not accept a connection within 0.3 s.") == (call.status, call.error["message"])
    assert not upstream.visits


async def test_the_first_limit_counts_connecting_too(relay):
    """A handshake that hangs ends with the shorter of the two."""

    async def unused(visit):
        raise AssertionError(visit)

    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(5)
        front, _ = await relay(unused, extra=limits(first_token_s=0.3, connect_s=20))
        import ssl

        address = front.servers[0].pool.address
        front.servers[0].pool.address = type(address)("127.0.0.1", mute.getsockname()[1], "h", "", ssl.create_default_context())
        call = await front.post(chat(stream=True))

    assert 504 == call.status
    assert 0 == front.servers[0].pool.open_count


async def test_a_client_that_does_not_read_is_not_the_servers_silence(relay):
    """While our reader is paused, the server's clock stands still."""
    go_on = asyncio.Event()

    async def generous(visit):
        visit.send(sse_head())
        for _ in range(CHUNKS):
            visit.send(chunk(delta("x" * 20_000)))
        await go_on.wait()
        visit.send(chunk(DONE), chunk(b""))

    front, upstream = await relay(generous, extra=limits(idle_s=0.4))

    call = await front.open(chat(stream=True), small=True)
    await call.opened()
    call.stop_reading()
    visit = await upstream.visited()
    await asyncio.sleep(1.5)
    is_paused = visit.is_paused
    call.go_on()
    go_on.set()
    await call.ended()

    assert is_paused
    assert call.body.endswith(DONE)
    assert CHUNKS == call.body.count(b'"content"')
