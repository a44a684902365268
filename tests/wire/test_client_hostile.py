"""Requests that two parsers might read differently are refused by the first one, and their connection ends."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")
START = b"POST /v1/chat/completions HTTP/1.1\r\n"
HEAD = START + b"Host: a\r\n"
BODY = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "hi"}]}).encode()
SMUGGLED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def start(line):
    return line + b"\r\nHost: a\r\n" + LENGTH + b"\r\n" + BODY


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(HEAD + LENGTH + LENGTH, 400, id="length twice, the same"),
        pytest.param(HEAD + LENGTH + b"Content-Length: 3\r\n", 400, id="length twice, conflicting"),
        pytest.param(HEAD + b"Content-Length: 5, 5\r\n", 400, id="length list"),
        pytest.param(HEAD + b"Content-Length: +5\r\n", 400, id="length with sign"),
        pytest.param(HEAD + b"Content-Length: -5\r\n", 400, id="length below zero"),
        pytest.param(HEAD + b"Content-Length: 0x5\r\n", 400, id="length in hex"),
        pytest.param(HEAD + b"Content-Length: 5_0\r\n", 400, id="length with underscore"),
        pytest.param(HEAD + b"Content-Length: 1 0\r\n", 400, id="length with space"),
        pytest.param(HEAD + b"Content-Length:\r\n", 400, id="length empty"),
        pytest.param(HEAD + b"Content-Length: 99999999999999999999999\r\n", 400, id="length too long for a number"),
        pytest.param(HEAD + b"Content-Length: 9999999999999999999\r\n", 400, id="length above 2^63"),
        pytest.param(HEAD + LENGTH + CHUNKED, 400, id="length and chunked"),
        pytest.param(HEAD + CHUNKED + LENGTH, 400, id="chunked and length"),
        pytest.param(HEAD + b"Transfer-Encoding: gzip\r\n", 400, id="gzip alone"),
        pytest.param(HEAD + b"Transfer-Encoding: gzip, chunked\r\n", 501, id="gzip and chunked"),
        pytest.param(HEAD + b"Transfer-Encoding: gzip\r\n" + CHUNKED, 501, id="gzip and chunked over two lines"),
        pytest.param(HEAD + CHUNKED + b"Transfer-Encoding: gzip\r\n", 400, id="chunked and gzip over two lines"),
        pytest.param(HEAD + CHUNKED + b"Transfer-encoding: identity\r\n", 400, id="chunked and identity over two lines"),
        pytest.param(HEAD + CHUNKED + CHUNKED, 400, id="chunked twice"),
        pytest.param(HEAD + b"Transfer-Encoding: xchunked\r\n", 400, id="not quite chunked"),
        pytest.param(HEAD + b"Transfer-Encoding: \x0bchunked\r\n", 400, id="chunked after a vertical tab"),
        pytest.param(HEAD + b"Transfer-Encoding:\r\n", 400, id="coding empty"),
        pytest.param(HEAD + b"Transfer-Encoding : chunked\r\n", 400, id="space before colon"),
        pytest.param(HEAD + b"Transfer-Encoding\t: chunked\r\n", 400, id="tab before colon"),
        pytest.param(HEAD + b"X: y\r\n Transfer-Encoding: chunked\r\n", 400, id="folded line"),
        pytest.param(HEAD + b"X:\r\n\tContent-Length: 5\r\n", 400, id="folded empty line"),
        pytest.param(START + b" Host: a\r\n", 400, id="space before the first header"),
        pytest.param(HEAD + b"X: a\x00b\r\n", 400, id="NUL in a value"),
        pytest.param(HEAD + b"X\x00: b\r\n", 400, id="NUL in a name"),
        pytest.param(HEAD + b"X: a\rContent-Length: 5\r\n", 400, id="bare CR"),
        pytest.param(HEAD + b"X: a\nContent-Length: 5\r\n", 400, id="bare LF"),
        pytest.param(HEAD + b"X: a\r\r\n", 400, id="two CR"),
        pytest.param(HEAD + b"no colon\r\n", 400, id="no colon"),
        pytest.param(HEAD + b": no name\r\n", 400, id="no name"),
        pytest.param(HEAD + b"H\xc3\xa9: b\r\n", 400, id="name beyond ASCII"),
        pytest.param(START, 400, id="no host"),
        pytest.param(HEAD + b"Host: b\r\n", 400, id="two hosts"),
        pytest.param(HEAD + b"Expect: wonders\r\n", 417, id="expectation"),
        pytest.param(HEAD + b"X: y\r\n" * 300, 431, id="300 headers"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.0\r\n" + CHUNKED, 400, id="chunked in HTTP/1.0"),
    ],
)
async def test_a_head_that_leaves_a_doubt_is_refused(front, head, status):
    """What follows is neither a body nor a request: nothing of it is answered."""
    client = await front.connect()

    answer = await client.call(head + b"\r\n" + SMUGGLED)

    assert (status, "close") == (answer.status, answer.headers["connection"]), answer
    assert {"message", "type", "param", "code"} == set(answer.json["error"])
    assert b"" == await client.rest()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"POST  /v1/chat/completions HTTP/1.1", 400),
        (b"POST /v1/chat/completions  HTTP/1.1", 400),
        (b"POST /v1/chat/completions HTTP/1.1 ", 400),
        (b"POST\t/v1/chat/completions HTTP/1.1", 400),
        (b"POST /v1/chat/completions", 400),
        (b"POST /v1/chat/completions HTTP/0.9", 505),
        (b"POST /v1/chat/completions HTTP/1.2", 505),
        (b"POST /v1/chat/completions HTTP/2.0", 505),
        (b"POST /v1/chat/completions HTTP/11", 505),
        (b"POST /v1/chat/completions http/1.1", 400),
        (b"POST /v1/chat/completions ICE/1.0", 400),
        (b"POST /v1/chat/com\x00pletions HTTP/1.1", 400),
        (b"POST /v1/chat/com\xffpletions HTTP/1.1", 400),
        (b"POST v1/chat/completions HTTP/1.1", 400),
        (b"POST http://b/v1/chat/completions HTTP/1.1", 400),
        (b"post /v1/chat/completions HTTP/1.1", 400),
        (b"FROB /v1/chat/completions HTTP/1.1", 400),
        (b" POST /v1/chat/completions HTTP/1.1", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST /v1/chat/completions HTTP/1.1\nHost: a\n\n", 400),
    ],
)
async def test_a_line_that_begins_no_request_is_refused(front, line, status):
    """At once, not after a time limit."""
    client = await front.connect()

    answer = await client.call(start(line))

    assert (status, "close") == (answer.status, answer.headers["connection"]), answer
    assert b"" == await client.rest()


@pytest.mark.parametrize(
    "chunks",
    [
        b"-1\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b" 2\r\n{}\r\n0\r\n\r\n",
        b"2 \r\n{}\r\n0\r\n\r\n",
        b"2\n{}\n0\n\n",
        b"2\r\n{}\n0\r\n\r\n",
        b"2\r\n{}X\r\n0\r\n\r\n",
        b"1\r\n{}\r\n0\r\n\r\n",
        b"\r\n2\r\n{}\r\n0\r\n\r\n",
        b"2;a\nb\r\n{}\r\n0\r\n\r\n",
        b"2;a\rb\r\n{}\r\n0\r\n\r\n",
        b"2;\x00\r\n{}\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\n{}",
        b"2;" + b"a" * 5000,
        b"".join(b"1;%s\r\n{\r\n" % (b"a" * 1000) for _ in range(20)),
        b"1\r\n{\r\n" * 5000,
        b"2\r\n{}\r\n0\r\nno colon\r\n\r\n",
        b"2\r\n{}\r\n0\r\n folded\r\n\r\n",
        b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 5000,
        b"2\r\n{}\r\n0\r\nX: y\n\r\n",
    ],
)
async def test_chunks_that_leave_a_doubt_are_refused(front, chunks):
    """In the dialect of the route, and nothing that follows is answered."""
    client = await front.connect()

    answer = await client.call(HEAD + CHUNKED + b"\r\n" + chunks + SMUGGLED)

    assert (400, "bad_request", "close") == (answer.status, answer.json["error"]["code"], answer.headers["connection"])
    assert b"" == await client.rest()


async def test_a_broken_body_after_the_head_is_refused_too(front):
    """The call waits for its body and is told why there is none."""
    client = await front.connect()
    await client.send(HEAD + CHUNKED + b"\r\n2\r\n{")
    await front.until(lambda: front.house.pipeline.running.count == 1)

    answer = await client.call(b"}}}}" + SMUGGLED)

    assert (400, "bad_request") == (answer.status, answer.json["error"]["code"])
    assert b"" == await client.rest()


async def test_no_second_request_hides_behind_a_length(front):
    """A body that looks like a request is a body, and a request behind it is a request."""
    client = await front.connect()
    inner = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"

    await client.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(inner) + inner + SMUGGLED)
    first, second = await client.answer(), await client.answer()

    assert (400, "invalid_json") == (first.status, first.json["error"]["code"])
    assert (200, "hi") == (second.status, second.said)


async def test_the_preface_of_http_2_is_taken_as_the_first_thing_only(front):
    """Behind a proxy that reuses its connections, a later one would be somebody's body."""
    client = await front.connect()
    await client.call(SMUGGLED)

    answer = await client.call(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    assert 505 == answer.status


async def test_names_of_unknown_parameters_cannot_break_the_head_of_an_answer(front):
    """They are told in a header, as far as they can be."""
    client = await front.connect()
    body = BODY[:-1] + json.dumps({"a\r\nset-cookie: b": 1, "\x00\x7f": 1, "é€": 1})[1:].join((", ", "")).encode()

    answer = await client.call(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    assert 200 == answer.status
    assert "set-cookie" not in answer.headers
    assert all(each.isprintable() for each in answer.headers.values())
