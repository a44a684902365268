"""Answers on the wire: each ends where its client thinks it ends."""

from __future__ import annotations

import asyncio

import pytest
from attrs import define

from llmlb_core.wire.clock import Clock
from llmlb_core.wire.heads import parse_head
from llmlb_core.wire.limits import ClientLimits
from llmlb_core.wire.message import Message
from llmlb_core.wire.outlet import SocketOutlet


class Transport:
    """Keeps what is written."""

    def __init__(self):
        self.written = b""
        self.is_aborted = False

    def write(self, data):
        self.written += data

    def abort(self):
        self.is_aborted = True

    def is_closing(self):
        return self.is_aborted

    def get_extra_info(self, name):
        return None


@define
class Connection:
    """As much of a connection as an answer needs."""

    transport: Transport
    limits: ClientLimits = ClientLimits(pipelined_bytes=50)
    is_write_paused: bool = False
    clock: Clock = Clock()


def outlet(headers=b"", version=b"1.1"):
    message = Message(*parse_head(b"POST / HTTP/" + version + b"\r\nHost: a\r\n" + headers + b"\r\n"))
    return SocketOutlet(Connection(Transport()), message), message


def head_and_body(out):
    head, _, body = out._connection.transport.written.partition(b"\r\n\r\n")
    return [line for line in head.decode("latin-1").split("\r\n") if not line.startswith("date: ")], body


async def test_an_empty_piece_does_not_end_a_stream():
    """An empty chunk would be the end, and what follows the next answer."""
    out, _ = outlet()
    out.open(200, [("content-type", "x")])

    out.write(b"")
    out.write(b"one")
    out.write(b"")
    out.end()

    assert (["HTTP/1.1 200 OK", "content-type: x", "transfer-encoding: chunked"], b"3\r\none\r\n0\r\n\r\n") == head_and_body(out)


async def test_an_empty_answer_is_an_answer():
    """With a length and without."""
    sized, _ = outlet()
    sized.open(200, [], 0)
    sized.end()
    streamed, _ = outlet()
    streamed.open(200, [])
    streamed.end()

    assert (["HTTP/1.1 200 OK", "content-length: 0"], b"") == head_and_body(sized)
    assert (["HTTP/1.1 200 OK", "transfer-encoding: chunked"], b"0\r\n\r\n") == head_and_body(streamed)


@pytest.mark.parametrize("pieces", [[b"1234"], [b"123", b"4567"], [b"123456"]])
async def test_an_answer_of_another_length_than_announced_breaks_the_connection(pieces, caplog):
    """Too short: the next answer would complete it. Too long: its rest would be taken for the next one."""
    out, _ = outlet()
    out.open(200, [], 5)

    for piece in pieces:
        out.write(piece)
    out.end()

    _, body = head_and_body(out)
    assert out._connection.transport.is_aborted
    assert len(body) < 5
    assert "answer_length_wrong" in caplog.text


@pytest.mark.parametrize("length", [3, None])
async def test_an_answer_to_a_client_that_has_left_is_forgotten(length):
    """A transport of uvloop raises where asyncio's forget; the call is cancelled a moment later."""
    out, _ = outlet()

    def write(data):
        raise RuntimeError("the handler is closed")

    out._connection.transport.write = write
    out.open(200, [], length)
    out.write(b"one")
    out.end()

    assert out.is_ended


async def test_headers_hold_no_control_characters():
    """Values come from requests now and then: names of parameters, names of models."""
    out, _ = outlet()

    out.open(200, [("a", "1\r\nset-cookie: x"), ("b", "\x00\x7f"), ("c", "é€")], 0)
    out.end()

    assert ["HTTP/1.1 200 OK", "a: 1??set-cookie: x", "b: ??", "c: é?", "content-length: 0"] == head_and_body(out)[0]


@pytest.mark.parametrize(
    ("headers", "sent", "keeps"),
    [
        (b"", b"", True),
        (b"Content-Length: 60\r\n", b"", False),
        (b"Content-Length: 60\r\n", b"x" * 20, True),
        (b"Content-Length: 60\r\n", b"x" * 60, True),
        (b"Content-Length: 40\r\nExpect: 100-continue\r\n", b"", False),
        (b"Content-Length: 40\r\nExpect: 100-continue\r\n", b"x", True),
        (b"Transfer-Encoding: chunked\r\n", b"", False),
        (b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", True),
        (b"Transfer-Encoding: chunked\r\n", b"junk\r\n", False),
        (b"Connection: close\r\n", b"", False),
        (b"Connection: a, CLOSE\r\n", b"", False),
        (b"Connection: closed\r\n", b"", True),
    ],
)
async def test_an_early_answer_keeps_the_connection_where_the_rest_is_known_and_short(headers, sent, keeps):
    """Otherwise it says that it closes."""
    out, message = outlet(headers)
    if sent:
        message.read_body(sent)

    out.open(401, [], 0)
    out.end()

    assert keeps == message.keeps_alive
    assert keeps == ("connection: close" not in head_and_body(out)[0])


@pytest.mark.parametrize(("headers", "expected"), [(b"", "close"), (b"Connection: Keep-Alive\r\n", "keep-alive")])
async def test_http_1_0_is_told_whether_its_connection_lives(headers, expected):
    """Silence means close there."""
    out, _ = outlet(headers, b"1.0")

    out.open(200, [], 0)
    out.end()

    assert f"connection: {expected}" in head_and_body(out)[0]


async def test_a_stream_that_fails_over_http_1_0_is_reset():
    """An end like any other would make a whole answer of it."""

    async def fail(reader, writer):
        message = Message(*parse_head(await reader.readuntil(b"\r\n\r\n")))
        out = SocketOutlet(Connection(writer.transport), message)
        out.open(200, [])
        out.write(b"half")
        out.fail()
        writer.close()

    async with await asyncio.start_server(fail, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"POST / HTTP/1.0\r\n\r\n")

        with pytest.raises(ConnectionResetError):
            await reader.read()

        writer.close()
