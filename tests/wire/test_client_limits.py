"""What a client may cost: sizes and times, each with an answer that its client really gets to read."""

from __future__ import annotations

import asyncio
import json

import pytest

from llmlb_core.wire.limits import ClientLimits

pytestmark = pytest.mark.asyncio(loop_scope="module")
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SHORT = ClientLimits(head_s=0.3, keep_alive_s=0.3, linger_s=0.5, read_s=0.5)
LIMIT = 100_000


def chat(text="hi", model="echo", **fields):
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields}).encode()


def post(body, headers=b""):
    return HEAD + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def test_a_head_that_is_too_large_is_431(front):
    """Also where it is sent in one go, with more behind it."""
    for junk in (b"", b"x" * 500_000):
        client = await front.connect()

        answer = await client.call(HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n" + junk)

        assert (431, "head_too_large", "close") == (answer.status, answer.json["error"]["code"], answer.headers["connection"])
        assert b"" == await client.rest()


async def test_a_head_that_never_ends_is_431(front):
    """Refused when it is too large, not when it is over."""
    client = await front.connect()

    answer = await client.call(HEAD + b"X: " + b"y" * 70_000)

    assert (431, "head_too_large") == (answer.status, answer.json["error"]["code"])


async def test_a_target_that_never_ends_is_414(front):
    """The request line alone is larger than a head may be."""
    client = await front.connect()

    answer = await client.call(b"POST /" + b"y" * 70_000)

    assert (414, "target_too_long") == (answer.status, answer.json["error"]["code"])


@pytest.mark.parametrize("is_sent", [False, True])
async def test_a_body_announced_too_large_is_413_unread(front, is_sent):
    """A client that goes on sending 8 MB reads the answer nevertheless: the connection is not reset under it."""
    client = await front.connect()
    await client.send(HEAD + b"Content-Length: 8000000\r\n\r\n")

    sending = asyncio.create_task(client.send(b"x" * 8_000_000)) if is_sent else None
    answer = await client.answer()
    if sending is not None:
        await sending

    assert (413, "body_too_large", "close") == (answer.status, answer.json["error"]["code"], answer.headers["connection"])
    assert b"" == await client.rest()


@pytest.mark.parametrize("is_sent", [False, True])
async def test_a_body_streamed_too_large_is_413(front, is_sent):
    """As soon as it is too large, not when it is over."""
    client = await front.connect()
    await client.send(HEAD + CHUNKED + b"\r\n" + b"ffff\r\n" + b"x" * 0xFFFF + b"\r\nffff\r\n" + b"x" * 0xFFF0)

    sending = asyncio.create_task(client.send(b"x" * 8_000_000)) if is_sent else None
    answer = await client.answer()
    if sending is not None:
        await sending

    assert (413, "body_too_large", "close") == (answer.status, answer.json["error"]["code"], answer.headers["connection"])
    assert b"" == await client.rest()


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + 50_000])
async def test_a_body_somewhat_too_large_costs_no_connection(front, size):
    """The rest of it is short: it is read and forgotten, and the next request is answered."""
    client = await front.connect()

    large = await client.call(post(b"x" * size))
    good = await client.call(post(chat("next")))

    assert (413, None) == (large.status, large.headers.get("connection"))
    assert "next" == good.said


async def test_expect_continue_is_refused_without_the_body(front):
    """413 instead of 100; whether the body follows is the client's choice, so the connection ends."""
    client = await front.connect()

    answer = await client.call(HEAD + b"Expect: 100-continue\r\nContent-Length: 200000\r\n\r\n")

    assert (413, "close") == (answer.status, answer.headers["connection"])
    assert b"" == await client.rest()


@pytest.mark.parametrize("front", ["locked"], indirect=True)
async def test_expect_continue_is_refused_without_a_key(front):
    """401 instead of 100: nobody's body is read."""
    client = await front.connect()

    answer = await client.call(HEAD + b"Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n")

    assert (401, "close") == (answer.status, answer.headers["connection"])
    assert b"" == await client.rest()


@pytest.mark.parametrize("front", ["locked"], indirect=True)
async def test_401_comes_before_the_body_and_the_connection_goes_on(front):
    """The body that follows is forgotten; the next request, with a key, is answered on the same connection."""
    client = await front.connect()
    refused = post(chat("refused"))

    first = await client.call(refused[:-10])
    await client.send(refused[-10:] + post(chat("let in"), b"Authorization: Bearer good\r\n"))
    second = await client.answer()

    assert (401, None) == (first.status, first.headers.get("connection"))
    assert "let in" == second.said


@pytest.mark.parametrize("front", ["locked"], indirect=True)
async def test_a_body_waits_with_its_client_until_the_key_was_checked(front):
    """What nobody has asked for yet is not read without a bound."""
    front.keys.open.clear()
    client = await front.connect()
    await client.send(HEAD + b"Authorization: Bearer bad\r\nContent-Length: 60000000\r\n\r\n")

    sending = asyncio.create_task(client.send(b"x" * 60_000_000))
    await front.until(lambda: any(not each.transport.is_reading() for each in front.server.connections))
    front.keys.open.set()
    answer = await client.answer()
    await sending

    assert (401, "close") == (answer.status, answer.headers["connection"])


@pytest.mark.parametrize("front", [SHORT], indirect=True)
async def test_a_slow_head_is_408(front):
    """A byte now and then does not lengthen its time."""
    client = await front.connect()
    for at in range(10):
        await client.send(HEAD[at : at + 1])
        await asyncio.sleep(0.02)

    answer = await client.answer()

    assert (408, "request_timeout", "close") == (answer.status, answer.json["error"]["code"], answer.headers["connection"])
    assert b"" == await client.rest()


async def test_a_slow_body_is_408(front):
    """``[server] body_timeout_s`` without a byte; each byte begins it anew."""
    client = await front.connect()
    body = chat("slow")
    await client.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
    for at in range(4):
        await client.send(body[at : at + 1])
        await asyncio.sleep(0.3)

    answer = await client.answer()

    assert (408, "request_timeout", "close") == (answer.status, answer.json["error"]["code"], answer.headers["connection"])
    assert "after 4 bytes" in answer.json["error"]["message"]
    assert b"" == await client.rest()


@pytest.mark.parametrize("front", [SHORT], indirect=True)
@pytest.mark.parametrize("first", [b"", b"\r\n", post(chat())])
async def test_an_idle_connection_is_closed_without_a_word(front, first):
    """Before the first request, and after the last."""
    client = await front.connect()
    await client.send(first)
    if first.strip():
        await client.answer()

    assert b"" == await client.rest()


@pytest.mark.parametrize("front", [SHORT], indirect=True)
async def test_an_answer_that_filled_the_buffer_is_followed_by_keep_alive_s_too(front):
    """However its connection became idle, it is closed in time."""
    client = await front.connect(receive_bytes=4096)
    await client.call(post(chat(model="flood")))

    assert b"" == await client.rest()


@pytest.mark.parametrize("front", [SHORT], indirect=True)
async def test_the_rest_of_a_body_that_nobody_wants_has_its_time(front):
    """A client that promises a body and sends nothing cannot hold a connection."""
    client = await front.connect()
    front.server.pipeline.running.is_draining = True
    try:
        answer = await client.call(HEAD + b"Content-Length: 1000\r\n\r\n")
    finally:
        front.server.pipeline.running.is_draining = False

    assert 503 == answer.status
    assert b"" == await client.rest()


async def test_pipelined_requests_are_read_within_a_bound(front):
    """20 MB of requests wait with their client; all are answered."""
    client = await front.connect()
    request = post(b"{" + b" " * 90_000)
    count = 220

    sending = asyncio.create_task(client.send(post(chat("a b c d e f g h", model="slow")) + request * count))
    await front.until(lambda: any(not each.transport.is_reading() for each in front.server.connections))
    (connection,) = front.server.connections
    held = len(connection._held)
    statuses = [(await client.answer()).status for _ in range(count + 1)]
    await sending

    assert 256 * 1024 < held <= 512 * 1024 + 1
    assert [200] + [400] * count == statuses


async def test_pipelined_requests_of_a_client_that_does_not_read_wait(front):
    """Their answers would fill the memory: no call begins while the last answers are unread."""
    client = await front.connect(receive_bytes=4096)
    client.reader._transport.pause_reading()
    request = post(chat(model="flood"))

    await client.send(request * 50)
    await front.until(lambda: any(each.is_write_paused for each in front.server.connections))
    await front.idle()
    (connection,) = front.server.connections
    unsent = connection.transport.get_write_buffer_size()
    client.reader._transport.resume_reading()
    answers = [await client.answer() for _ in range(3)]

    assert unsent < 3 * len(answers[0].body)
    assert [200] * 3 == [answer.status for answer in answers]
