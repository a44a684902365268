"""One request's bytes: where its body ends, to the byte."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.wire.chunks import BadChunks, Chunks
from llmlb_core.wire.flaws import BadMessage
from llmlb_core.wire.heads import parse_head
from llmlb_core.wire.message import Message

HEAD = b"POST /v1/x HTTP/1.1\r\nHost: a\r\n"


def message(headers=b""):
    return Message(*parse_head(HEAD + headers + b"\r\n"))


def test_a_head_is_read_as_it_was_written():
    """Names in lower case, values without the space around them, the last of two values."""
    found = message(b"X-A:  one \t\r\nx-a: two\r\nEmpty:\r\nCookie: \xe9\r\n")

    assert ("POST", b"/v1/x", "1.1") == (found.head.method, found.head.url, found.head.version)
    assert {"host": "a", "x-a": "two", "empty": "", "cookie": "é"} == found.head.headers


def test_lists_over_two_lines_are_one_list():
    """Those that decide how the message is read."""
    found = message(b"Connection: keep-alive\r\nConnection: close\r\n")

    assert "keep-alive, close" == found.head.headers["connection"]
    assert not found.keeps_alive


@pytest.mark.parametrize("length", ["0", "007", "5"])
def test_a_length_is_a_number(length):
    """Leading zeros are allowed."""
    assert int(length) == message(f"Content-Length: {length}\r\n".encode()).length


def test_what_follows_a_body_is_given_back():
    """By length; the pieces are joined."""
    found = message(b"Content-Length: 5\r\n")

    rests = [found.read_body(piece) for piece in (b"h", b"e", b"lloGET")]

    assert ([b"", b"", b"GET"], b"hello") == (rests, found.body())
    assert found.is_complete


def test_a_dropped_body_takes_no_memory():
    """It is counted on."""
    found = message(b"Content-Length: 2000\r\n")
    found.read_body(b"x" * 500)

    found.drop_body()
    found.read_body(b"x" * 1500)

    assert (2000, b"", True) == (found.body_bytes, found.body(), found.is_complete)


def test_a_dropped_chunked_body_takes_no_memory():
    """It is counted on."""
    found = message(b"Transfer-Encoding: chunked\r\n")
    found.drop_body()

    rest = found.read_body(b"5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\nGET")

    assert (10, b"", b"GET") == (found.body_bytes, found.body(), rest)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.binary(max_size=20), st.lists(st.integers(0, 400), max_size=20))
def test_chunks_cut_anywhere_are_read_the_same(pieces, rest, cuts):
    """Content, and what follows the end."""
    data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nA: b\r\n\r\n" + rest
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    chunks, body, left = Chunks(), bytearray(), b""

    for start, end in pairwise(edges):
        left = left + data[start:end] if chunks.is_complete else chunks.feed(data[start:end], body)

    assert (b"".join(pieces), rest) == (bytes(body), left)


def test_chunks_that_are_mostly_framing_are_refused():
    """They cost more than what they bring."""
    small = b"1\r\nx\r\n"
    with pytest.raises(BadChunks, match="more than 4096 chunks"):
        Chunks().feed(small * 5000, bytearray())
    with pytest.raises(BadChunks, match="extensions and trailers"):
        Chunks().feed(b"1;%s\r\nx\r\n" % (b"a" * 1000) * 20, bytearray())
    with pytest.raises(BadChunks, match="extensions and trailers"):
        Chunks().feed(b"0\r\n" + b"X: y\r\n" * 4000, bytearray())
    Chunks().feed(small * 4000, bytearray())


@pytest.mark.parametrize("at", range(1, len(HEAD)))
def test_a_head_with_a_control_character_anywhere_is_refused(at):
    """NUL, CR and LF, wherever they are put."""
    for control in (b"\0", b"\r", b"\n"):
        with pytest.raises(BadMessage):
            parse_head(HEAD[:at] + control + HEAD[at:] + b"\r\n")
