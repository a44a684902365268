"""Servers that break HTTP's rules, or the dialect's: the client sees a good answer of another server, or a clear 502."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from .conftest import chat

BODY = json.dumps(completion()).encode()
JSON = b"content-type: application/json\r\n"
SSE = b"content-type: text/event-stream\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


async def good(visit):
    """Answer as asked."""
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta("good")), chunk(DONE), chunk(b""))
    else:
        visit.send(plain(completion("good")))


# name: (bytes, whether the connection is closed after them, what the message says)
BROKEN = {
    "ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", False, "not HTTP"),
    "http/0.9": (b"<html>hello</html>", False, "not HTTP"),
    "binary": (bytes(range(256)), False, "not HTTP"),
    "http/2 preface": (b"\0\0\0\4\0\0\0\0\0", False, "not HTTP"),
    "bare LF": (b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}", False, "not HTTP"),
    "folded header": (OK + b"x: a\r\n b\r\ncontent-length: 2\r\n\r\n{}", False, "not HTTP"),
    "NUL in a header": (OK + b"x: a\0b\r\ncontent-length: 2\r\n\r\n{}", False, "not HTTP"),
    "length twice": (OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{} ", False, "not HTTP"),
    "length and chunks": (OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", False, "not HTTP"),
    "length no number": (OK + b"content-length: two\r\n\r\n{}", False, "not HTTP"),
    "length negative": (OK + b"content-length: -2\r\n\r\n{}", False, "not HTTP"),
    "length too large": (OK + b"content-length: 99999999999999999999\r\n\r\n{}", False, "not HTTP"),
    "chunk size no number": (OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n", False, "not HTTP"),
    "chunk without end": (OK + b"transfer-encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n", False, "not HTTP"),
    "gzip as transfer coding": (OK + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", False, "transfer coding"),
    "gzip": (plain(gzip.compress(BODY), 200, "content-encoding: gzip"), False, "encoded (gzip)"),
    "a body cut by its length": (plain(BODY).replace(b"content-length: ", b"content-length: 1"), True, "closed the connection"),
    "a length too short": (OK + JSON + b"content-length: 20\r\n\r\n" + BODY, False, "no JSON object"),
    "cut in the head": (OK + b"content-len", True, "closed the connection"),
    "cut in a chunk": (OK + JSON + b"transfer-encoding: chunked\r\n\r\nff\r\n{", True, "closed the connection"),
    "cut before the last chunk": (OK + JSON + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", True, "closed the connection"),
    "cut without a length": (OK + JSON + b"\r\n" + BODY[:40], True, "no JSON object"),
    "nothing": (b"", True, "closed the connection"),
    "only 100": (b"HTTP/1.1 100 Continue\r\n\r\n", True, "closed the connection"),
    "switched protocols": (b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n\x81\x01x", False, "switched protocols"),
    "101 without upgrade": (b"HTTP/1.1 101 X\r\n\r\n", False, "it s"),
    "JSON cut": (plain(BODY[:-1]), False, "no JSON object"),
    "an array": (plain(b"[]"), False, "no JSON object"),
    "empty": (plain(b""), False, "no JSON object"),
    "a page": (plain(b"<html></html>", 200, "content-type: text/html"), False, "it answered text/html"),
    "a page said to be JSON": (plain(b"<html></html>"), False, "no JSON object"),
    "a stream though none was asked for": (sse_head() + chunk(delta("a")) + chunk(b""), False, "it answered text/event-stream"),
}  # fmt: skip
BROKEN_STREAMS = {
    "JSON though a stream was asked for": (plain(BODY), False, "it answered application/json where a stream was asked for"),
    "gzip": (sse_head("content-encoding: gzip") + chunk(gzip.compress(DONE)) + chunk(b""), False, "encoded (gzip)"),
    "no event": (sse_head() + chunk(b""), False, "ended before its answer was finished"),
    "only comments": (sse_head() + chunk(b": a\n\n: b\n\n") + chunk(b""), False, "ended before its answer was finished"),
    "cut before an event": (sse_head() + chunk(b"data: {"), True, "closed the connection"),
    "cut after comments": (sse_head() + chunk(b": processing\n\n"), True, "closed the connection"),
    "cut in the first event, without a length": (OK + SSE + b"\r\n" + b'data: {"a"', True, "ended before its answer was finished"),
    "an event without end": (sse_head() + chunk(b"data: " + b"x" * 4_300_000), False, "too large"),
    "comments without end": (sse_head() + chunk(b": x" + b"x" * 4_300_000), False, "too large"),
    "cut": (sse_head(), True, "closed the connection"),
}


def scripted(data: bytes, is_closed: bool, reset: bool = False):
    """Return a script that sends *data*, and closes or waits."""

    async def answer(visit):
        visit.send(data)
        if reset:
            await asyncio.sleep(0.02)
            visit.reset()
        elif is_closed:
            visit.end()

    return answer


CASES = [(name, False) for name in BROKEN] + [(name, True) for name in BROKEN_STREAMS]


@pytest.mark.parametrize(("name", "stream"), CASES)
async def test_what_is_broken_before_the_answer_is_tried_elsewhere(relay, name, stream):
    """Nothing of it reaches the client."""
    data, is_closed, _ = (BROKEN_STREAMS if stream else BROKEN)[name]
    front, first, _ = await relay(scripted(data, is_closed), good)

    calls = [await front.post(chat(stream=stream)) for _ in range(2)]

    assert [200, 200] == [call.status for call in calls], calls
    assert all(b"good" in call.body and b"hello" not in call.body for call in calls)
    assert len(first.visits) == sum(call.headers["x-llmlb-attempts"] == "2" for call in calls) > 0


@pytest.mark.parametrize(("name", "stream"), CASES)
async def test_what_is_broken_is_told(relay, name, stream):
    """A 502 that names the endpoint and the fault; the connection is of no more use, unless it is the content that is wrong."""
    data, is_closed, words = (BROKEN_STREAMS if stream else BROKEN)[name]
    front, upstream = await relay(scripted(data, is_closed))

    call = await front.post(chat(stream=stream))

    assert (502, "bad_gateway", True) == (call.status, call.error["code"], call.is_whole)
    assert "Endpoint 'e0'" in call.error["message"]
    assert words in call.error["message"]
    if any(text in words for text in ("not HTTP", "closed", "too large", "switched")):
        await upstream.visits[0].gone()


@pytest.mark.parametrize("at", ["head", "events", "no event"])
async def test_a_reset_is_a_cut(relay, at):
    """RST instead of FIN, before anything went out."""
    data = {"head": OK, "events": sse_head() + chunk(b"data: {"), "no event": sse_head()}[at]
    front, _, _ = await relay(scripted(data, False, reset=True), good)

    calls = [await front.post(chat(stream=True)) for _ in range(2)]

    assert [True, True] == [b"good" in call.body for call in calls]


CUTS = {
    "closed": lambda visit: visit.end(),
    "reset": lambda visit: visit.reset(),
    "garbage": lambda visit: visit.send(b"zz\r\n"),
    "in an event": lambda visit: (visit.send(chunk(b'data: {"choices"')), visit.end()),
}


@pytest.mark.parametrize("how", CUTS)
async def test_a_stream_that_is_cut_ends_with_one_error_event(relay, how):
    """Whole events so far, then the error in OpenAI's shape, no [DONE], no success; nothing of another answer (05098000-F19)."""
    cut = asyncio.Event()

    async def answer(visit):
        if cut.is_set():
            visit.send(sse_head(), chunk(delta("another answer")), chunk(DONE), chunk(b""))
            return
        visit.send(sse_head(), chunk(delta("one") + delta("two")))
        await cut.wait()
        CUTS[how](visit)

    front, first, second = await relay(answer, answer)

    call = await front.open(chat(stream=True))
    await call.holds(delta("two"))
    cut.set()
    await call.ended()

    sent = delta("one") + delta("two")
    assert (200, True) == (call.status, call.is_whole)
    assert sent == call.body[: len(sent)]
    rest = call.body[len(sent) :]
    assert rest.startswith(b"data: ")
    assert rest.endswith(b"\n\n")
    error = json.loads(rest.removeprefix(b"data: "))["error"]
    assert {"message", "type", "param", "code"} <= set(error)
    assert "bad_gateway" == error["code"]
    assert b"[DONE]" not in call.body
    assert 2 == len(first.visits) + len(second.visits)


async def test_a_stream_that_ends_by_closing_is_a_cut_without_its_last_word(relay):
    """Without a length or chunks, only the stream itself tells."""

    async def answer(visit):
        visit.send(OK + SSE + b"\r\n" + delta("one"))
        visit.end()

    front, _ = await relay(answer)

    call = await front.post(chat(stream=True))

    assert call.body.startswith(delta("one"))
    assert b'"error"' in call.body
    assert b"[DONE]" not in call.body


async def test_a_long_plain_answer_that_is_cut_is_cut_for_the_client(relay):
    """Its length is out: the connection is broken, so that nobody takes it for whole."""
    body = json.dumps(completion("x" * 3_000_000)).encode()

    async def answer(visit):
        visit.send(plain(body)[:2_500_000])
        await visit.drained()
        visit.end()

    front, _ = await relay(answer)

    call = await front.post(chat())

    assert (200, False) == (call.status, call.is_whole)
    assert len(call.body) < len(body)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_follows_an_answer_is_nobodys_answer(relay, stream):
    """A second answer in the same packet, whole or begun: the connection is not used again."""
    other = sse_head() + chunk(delta("smuggled")) if stream else plain(completion("smuggled"))

    async def answer(visit):
        mine = sse_head() + chunk(delta("mine")) + chunk(DONE) + chunk(b"") if stream else plain(completion("mine"))
        visit.send(mine + other[: len(other) - (len(upstream.visits) % 2) * 20])

    front, upstream = await relay(answer)

    calls = [await front.post(chat(stream=stream)) for _ in range(4)]

    assert [True] * 4 == [b"mine" in call.body and b"smuggled" not in call.body for call in calls]
    assert [0, 1, 2, 3] == [visit.connection for visit in upstream.visits]


async def test_what_comes_unasked_ends_an_idle_connection(relay):
    """Some servers send 408 before they close; it must not answer the next call."""

    async def answer(visit):
        visit.send(plain(completion("mine")))

    front, upstream = await relay(answer)

    await front.post(chat())
    upstream.visits[0].send(plain({"error": "timeout"}, 408))
    await upstream.visits[0].gone()
    call = await front.post(chat())

    assert b"mine" in call.body
    assert 1 == upstream.visits[1].connection


@pytest.mark.parametrize("where", ["head", "interim heads", "trailer", "extension"])
async def test_what_is_no_body_has_a_bound(relay, where):
    """A head, a trailer or chunk extensions without end: the memory of a call is bounded."""
    begin = {
        "head": OK,
        "interim heads": b"",
        "trailer": OK + JSON + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        "extension": OK + JSON + b"transfer-encoding: chunked\r\n\r\n2",
    }[where]
    piece = {"interim heads": b"HTTP/1.1 103 X\r\nlink: x\r\n\r\n" * 50, "extension": b";x=y" * 250}.get(
        where, b"x-%d: " % 7 + b"y" * 1000 + b"\r\n"
    )
    sent = 0

    async def answer(visit):
        nonlocal sent
        visit.send(begin)
        while not visit.is_gone:
            await visit.drained()
            visit.send(piece)
            sent += len(piece)
            await asyncio.sleep(0)

    front, _ = await relay(answer)

    call = await front.post(chat())

    assert 502 == call.status
    assert "head or trailer" in call.error["message"]
    assert sent < 8_000_000


async def test_http_1_0_servers_are_understood(relay):
    """With and without a length; one connection a call."""
    chunks = iter(
        [b"content-length: %d\r\n\r\n" % len(BODY), b"\r\n", b"connection: keep-alive\r\ncontent-length: %d\r\n\r\n" % len(BODY)]
    )

    async def answer(visit):
        visit.send(b"HTTP/1.0 200 OK\r\n" + JSON + next(chunks) + BODY)
        visit.end()

    front, _ = await relay(answer)

    calls = [await front.post(chat()) for _ in range(3)]

    assert [BODY] * 3 == [call.body for call in calls]


async def test_connection_close_is_honoured(relay):
    """The connection is not used again."""

    async def answer(visit):
        visit.send(plain(completion(), 200, "connection: close"))

    front, upstream = await relay(answer)

    await front.post(chat())
    await upstream.visits[0].gone()
    await front.post(chat())

    assert [0, 1] == [visit.connection for visit in upstream.visits]
    assert 0 == front.servers[0].pool.idle_count
