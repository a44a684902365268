"""Where a request begins and ends: nothing after its end is taken for its body, and nothing of its body for a request."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/v1/chat/completions"


def chat(text="hi", model="echo", **fields):
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields}).encode()


def post(body, headers="", path=PATH, version="1.1", host="Host: a\r\n"):
    return f"POST {path} HTTP/{version}\r\n{host}{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(body, size=7, extension=b"", trailers=b"", headers=b""):
    pieces = b"".join(
        b"%x%s\r\n%s\r\n" % (len(body[at : at + size]), extension, body[at : at + size]) for at in range(0, len(body), size)
    )
    head = b"POST %s HTTP/1.1\r\nHost: a\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (PATH.encode(), headers)
    return head + pieces + b"0\r\n" + trailers + b"\r\n"


COLD = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "request_",
    [post(chat("one")), chunked(chat("one")), chunked(chat("one"), 40, b";a=b", b"X-Sum: 1\r\n")],
    ids=["length", "chunks", "trailers"],
)
async def test_a_request_may_come_byte_by_byte(front, request_):
    """However it is cut, it is one request, and the next one is the next one."""
    client = await front.connect()

    for at in range(len(request_)):
        await client.send(request_[at : at + 1])
        if at % 16 == 0:
            await front.until(lambda: True)
    first = await client.answer()
    second = await client.call(post(chat("two")))

    assert (200, "one") == (first.status, first.said)
    assert (200, "two") == (second.status, second.said)


@pytest.mark.parametrize("kind", [post, chunked])
async def test_every_cut_in_two_reads_the_same(front, kind):
    """A request, and the beginning of the next, cut anywhere."""
    request = kind(chat("x"))
    client = await front.connect()

    for cut in range(1, len(request), 3):
        await client.send(request[:cut])
        await front.until(lambda: True)
        answer = await client.call(request[cut:])
        assert (200, "x") == (answer.status, answer.said), cut


async def test_pipelined_calls_are_answered_in_order(front):
    """All in one packet, the slow one first."""
    client = await front.connect()
    await client.send(post(chat("a b c d", model="slow")) + post(chat("two")) + chunked(chat("three")) + post(chat("four")))

    answers = [await client.answer() for _ in range(4)]

    assert ["a b c d", "two", "three", "four"] == [answer.said for answer in answers]


async def test_hot_and_cold_requests_mix_on_one_connection(front):
    """A cold one is lent, and what follows it comes back."""
    client = await front.connect()
    await client.send(post(chat("one")) + COLD + post(chat("two")) + COLD + COLD + chunked(chat("three")))

    answers = [await client.answer() for _ in range(6)]

    assert [200] * 6 == [answer.status for answer in answers]
    assert ["one", "two", "three"] == [answers[at].said for at in (0, 2, 5)]


async def test_a_chunked_body_may_be_followed_by_another_request(front):
    """Where chunks end is known to the byte, so that the connection lives on."""
    client = await front.connect()
    await client.send(chunked(chat("one"), 1000) + post(chat("two")))

    first, second = await client.answer(), await client.answer()

    assert ("one", "two") == (first.said, second.said)
    assert "connection" not in first.headers


async def test_expect_continue_is_answered_when_the_body_is_wanted(front):
    """100, the body, then the answer; once only."""
    client = await front.connect()
    body = chat("waited")
    await client.send(f"POST {PATH} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())

    status, _ = await client.head()
    answer = await client.call(body)

    assert 100 == status
    assert (200, "waited") == (answer.status, answer.said)


async def test_expect_continue_with_its_body_needs_no_100(front):
    """The body is there already; HTTP/1.0 has no such thing at all."""
    client = await front.connect()

    answer = await client.call(post(chat("eager"), "Expect: 100-continue\r\n"))
    old = await client.call(post(chat("old"), "Expect: 100-continue\r\nConnection: keep-alive\r\n", version="1.0"))

    assert (200, "eager") == (answer.status, answer.said)
    assert (200, "old") == (old.status, old.said)


async def test_http_1_0_closes_unless_asked_not_to(front):
    """Keep-alive is said both ways."""
    client = await front.connect()

    kept = await client.call(post(chat("one"), "Connection: keep-alive\r\n", version="1.0", host=""))
    closed = await client.call(post(chat("two"), version="1.0"))

    assert ("one", "keep-alive") == (kept.said, kept.headers["connection"])
    assert ("two", "close") == (closed.said, closed.headers["connection"])
    assert b"" == await client.rest()


async def test_a_stream_over_http_1_0_ends_with_its_connection(front):
    """There are no chunks in HTTP/1.0."""
    client = await front.connect()

    answer = await client.call(post(chat("one two", stream=True), "Connection: keep-alive\r\n", version="1.0"))

    assert "transfer-encoding" not in answer.headers
    assert "close" == answer.headers["connection"]
    assert answer.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("body", [chat("one"), b""], ids=["chat", "empty"])
@pytest.mark.parametrize("value", ["close", "Close", "foo, close", "keep-alive\r\nConnection: close"])
async def test_connection_close_is_honoured(front, body, value):
    """In any spelling, with a body or without, and nothing that follows is answered."""
    client = await front.connect()
    await client.send(post(body, f"Connection: {value}\r\n") + post(chat("never")))

    answer = await client.answer()

    assert "close" == answer.headers["connection"]
    assert b"" == await client.rest()


async def test_empty_lines_before_a_request_are_ignored(front):
    """RFC 9112 2.2, also between two requests."""
    client = await front.connect()
    await client.send(b"\r\n\r\n" + post(chat("one")) + b"\r\n" + post(chat("two")))

    answers = [await client.answer() for _ in range(2)]

    assert ["one", "two"] == [answer.said for answer in answers]


async def test_an_error_answer_leaves_the_connection_open(front):
    """A call that is refused after its body was read costs nobody a connection."""
    client = await front.connect()

    bad = await client.call(post(b"{"))
    good = await client.call(post(chat("next")))

    assert (400, "invalid_json") == (bad.status, bad.json["error"]["code"])
    assert "next" == good.said


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"HEAD /v1/chat/completions HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET /v1/chat/completions HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", None),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", None),
        (post(chat("x"), path="/v1/chat%2fcompletions"), 200),
        (post(chat("x"), path="/v1/chat/%63ompletions"), 200),
        (post(chat("x"), path="/v1/chat/completions?api-version=1&x=/../y"), 200),
        (post(chat("x"), path="http://a/v1/chat/completions"), 200),
        (post(chat("x"), path="/v1/chat/completions/"), 404),
        (post(chat("x"), path="/v1/" + "a" * 30_000), 404),
        (post(chat("x"), "".join(f"X-{n}: {n}\r\n" for n in range(100))), 200),
        (post(chat("x"), "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"), 200),
        (post(chat("x"), "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"), None),
        (post(chat("x"), "Upgrade: foo\r\n"), 200),
        (post(chat("x"), "X-Empty:\r\nX-Space: \t \r\n"), 200),
    ],
)
async def test_unusual_requests_have_an_answer(front, request_, status):
    """Whichever plane it is for."""
    client = await front.connect()

    await client.send(request_)
    answer = await client.answer(is_head=request_.startswith(b"HEAD"))

    assert answer.status == status or (status is None and 200 <= answer.status < 500), answer
