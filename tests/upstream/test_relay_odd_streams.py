"""Healthy streams of servers that do less than was asked, and replays that are disturbed."""

from __future__ import annotations

import asyncio

import pytest
from llmlb_testing.upstream import DONE, chunk, finish, plain, sse_head

from .conftest import chat
from .test_relay_replays import STREAM, WORDS, Breaking, broken, said, text_of, whole


async def test_a_server_that_knows_no_n_is_believed_at_its_end_mark(relay):
    """Several do: one choice where two were asked for. Its end mark says that this is all (rule 6)."""

    async def script(visit):
        visit.send(sse_head(), chunk(said(*WORDS)), chunk(DONE), chunk(b""))

    front, server = await relay(script)

    call = await front.post(chat(stream=True, n=2))

    assert (said(*WORDS) + DONE, True, 1) == (call.body, call.is_whole, len(server.visits))


async def test_a_choice_that_began_must_be_finished(relay):
    """The end mark alone makes no cut answer whole (rule 6)."""

    async def script(visit):
        visit.send(sse_head(), chunk(said(*WORDS)))
        visit.send(chunk(b'data: {"choices":[{"index":1,"delta":{"content":"half"}}]}\n\n'), chunk(DONE), chunk(b""))

    front, _ = await relay(script)

    call = await front.post(chat(stream=True, n=2))

    assert (1, 0) == (call.body.count(b'"error"'), call.body.count(b"[DONE]"))


async def test_comments_of_a_replay_commit_nothing(relay):
    """However many the second server sends: when it breaks, too, nothing is said twice (rule 7)."""
    breaking = Breaking()

    async def second(visit):
        visit.send(sse_head(), chunk(said(WORDS[0], id="second")), chunk(b": busy\n\n" * 70))
        visit.end()  # behind all that was sent, where a reset would overtake it

    front, *_ = await relay(breaking, second, whole())

    call = await broken(front, breaking)

    assert ("".join(WORDS), 1) == (text_of(call.body), call.body.count(b"[DONE]"))


async def test_a_replay_that_is_refused_is_one_more_failed_attempt(relay):
    """A server that does not take the call is no better than one that is not there: the next one goes on."""
    breaking = Breaking()

    async def refusing(visit):
        visit.send(plain({"error": {"message": "no such parameter", "type": "invalid_request_error"}}, 400))

    front, *_ = await relay(breaking, refusing, whole())

    call = await broken(front, breaking)

    assert ("".join(WORDS), 1) == (text_of(call.body), call.body.count(b"[DONE]"))


async def test_a_refused_replay_is_not_the_clients_news(relay):
    """Where nothing else is left the client reads why its stream broke."""
    breaking = Breaking()

    async def refusing(visit):
        visit.send(plain({"error": {"message": "no such parameter", "type": "invalid_request_error"}}, 400))

    front, *_ = await relay(breaking, refusing)

    call = await broken(front, breaking)

    assert b"closed the connection" in call.body
    assert b"refused" not in call.body


async def test_a_pause_after_a_finish_reason_is_no_end_where_more_follows(relay):
    """Some servers give a finish reason with every chunk."""

    async def script(visit):
        visit.send(sse_head(), chunk(said("one ") + finish()))
        visit.send(chunk(said("two ") + finish()))
        await asyncio.sleep(2.2)  # llmlb's own clock: it takes a finished stream for whole after 1 s, and looks every half second
        visit.send(chunk(said("three") + DONE), chunk(b""))

    front, _ = await relay(script)

    call = await front.post(STREAM)

    assert "one two three" == text_of(call.body)


@pytest.mark.parametrize("stage", ["held", "dialing"])
async def test_a_client_that_leaves_during_a_replay_ends_it(relay, stage):
    """The second server's connection is closed, and no slot stays taken (rule 9)."""
    breaking = Breaking()

    async def second(visit):
        if stage == "held":
            visit.send(sse_head(), chunk(said(WORDS[0])))
        await visit.gone()

    front, _, upstream = await relay(breaking, second)
    call = await front.open(STREAM)
    await call.until(lambda: text_of(call.body) == "".join(WORDS[:3]))
    breaking.may_break.set()
    visit = await upstream.visited()

    call.leave()

    async with asyncio.timeout(1):
        await visit.gone()
    await front.idle()
    assert [0, 0] == [server.in_flight for server in front.servers]


async def test_a_paused_client_gets_the_replay_when_it_reads_on(relay):
    """Its stream breaks while it reads nothing; the rest waits for it."""
    words = [f"{number:07d} " * 1000 for number in range(60)]
    is_paused, is_over = asyncio.Event(), asyncio.Event()

    async def first(visit):
        visit.send(sse_head(), chunk(said(words[0], id="first")))
        async with asyncio.timeout(10):
            await is_paused.wait()
        for word in words[1:]:
            visit.send(chunk(said(word, id="first")))
        visit.end()
        is_over.set()

    async def second(visit):
        visit.send(sse_head(), chunk(said(*words, "end", id="second")), chunk(DONE), chunk(b""))

    front, *_ = await relay(first, second)

    call = await front.open(STREAM, small=True)
    await call.opened()
    call.stop_reading()
    is_paused.set()
    await is_over.wait()
    call.go_on()
    await call.ended()

    assert "".join(words) + "end" == text_of(call.body)
    assert 1 == call.body.count(b"[DONE]")


async def test_a_refusal_within_an_open_stream_keeps_its_reason(relay):
    """Comments went out while the server thought about it; then it says what is wrong with the request."""
    go_on = asyncio.Event()

    async def script(visit):
        await go_on.wait()
        visit.send(plain({"error": {"message": "temperature is too high", "type": "invalid_request_error"}}, 400))

    front, _ = await relay(script, tail="[server]\nheartbeat_s = 0.1")

    call = await front.open(STREAM)
    await call.holds(b":")
    go_on.set()
    await call.ended()

    assert b"temperature is too high" in call.body
    assert b'"code":"invalid_value"' in call.body.replace(b" ", b"")


@pytest.mark.parametrize("way", ["deadline", "stop"])
async def test_a_call_ends_during_its_replay(relay, way):
    """By its deadline, or as the server stops: one error in band, and the second server is let go (rules 11, 13)."""
    breaking = Breaking()

    async def second(visit):
        visit.send(sse_head(), chunk(said(WORDS[0])))
        await visit.gone()

    front, _, upstream = await relay(breaking, second)
    call = await front.open(STREAM)
    await call.until(lambda: text_of(call.body) == "".join(WORDS[:3]))
    breaking.may_break.set()
    visit = await upstream.visited()
    running = front.house.pipeline.running

    if way == "stop":
        await running.drain(0.2)
    else:
        for deadline in list(running._deadlines):
            deadline.pass_by()

    await visit.gone()
    await call.ended()
    assert (1, 0, True) == (call.body.count(b'"error"'), call.body.count(b"[DONE]"), call.is_whole)
    await front.idle()


async def test_the_error_of_a_response_reaches_the_client_as_it_is(relay):
    """A stream of the Responses API that failed says so itself (24157000-F15); nothing is added to its own last words."""
    began = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta", "delta":"h"}\n\n'
    error = b'event: error\ndata: {"type":"error",  "message":"the engine said so"}\n\n'
    go_on = asyncio.Event()

    async def failing(visit):
        visit.send(sse_head(), chunk(began))
        await go_on.wait()
        visit.send(chunk(error), chunk(b""))

    front, _ = await relay(failing)

    call = await front.open(b'{"model":"m","stream":true,"input":"x"}', "/v1/responses")
    await call.holds(began)
    go_on.set()
    await call.ended()

    assert (200, began + error, True) == (call.status, call.body, call.is_whole)
