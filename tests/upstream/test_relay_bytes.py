"""What a server answers is what its client gets, byte for byte."""

from __future__ import annotations

import asyncio
import json

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, finish, plain, sse_head

from .conftest import chat

STREAM = chat(stream=True)
ODD = {
    "odd members and spacing": b'data:{"choices" : [ {"delta":{"content":"a"},"vendor":1} ], "x":[1, 2.50e3]}\n\n',
    "CRLF": b'data: {"choices":[]}\r\n\r\ndata: {"x":2}\r\n\r\n',
    "CR alone": b'data: {"choices":[]}\r\rdata: {"x":2}\r\r',
    "comments": b': one\n\ndata: {"x":1}\n\n: two\n\n',
    "many lines": b"event: message\nid: 7\nretry: 10\ndata: {\ndata: }\n\n",
    "64 KB": delta("x" * 65536),
    "UTF-8": delta("\u00e4") + 'data: {"x":"\u65e5\u672c\u8a9e \U0001f642"}\n\n'.encode(),
    "many in one": b"".join(delta(str(number)) for number in range(200)),
    "no blank line at the end": delta("a") + finish() + b"data: [DONE]\n",
}
ODD = {name: events if b"[DONE]" in events else events + DONE for name, events in ODD.items()}


def framed(events: bytes, framing: str) -> bytes:
    """Return an answer whose body is *events*."""
    if framing == "chunked":
        return sse_head() + chunk(events) + chunk(b"")
    if framing == "length":
        return plain(events, 200, "content-type: text/event-stream")
    return b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n" + events


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("name", ODD)
async def test_a_stream_passes_unchanged(relay, name, framing):
    """Whatever its events look like and however their end is told (63acef08-F7)."""
    events = ODD[name]

    async def answer(visit):
        visit.send(framed(events, framing))
        if framing == "close":
            visit.end()

    front, _ = await relay(answer)

    call = await front.post(STREAM)

    assert (200, events, True) == (call.status, call.body, call.is_whole)
    assert call.headers["content-type"].lower().startswith("text/event-stream")


@pytest.mark.parametrize("name", ODD)
async def test_a_stream_that_comes_in_bytes_goes_out_in_events(relay, name):
    """One byte a packet: nothing goes out before its event is whole, and no event is cut."""
    events = ODD[name] if len(ODD[name]) < 4000 else delta("x" * 3000) + DONE
    events += b"" if events.endswith(b"\n\n") else b"\n"

    async def answer(visit):
        await visit.send_slowly(framed(events, "chunked"))

    front, _ = await relay(answer)

    call = await front.post(STREAM)

    assert events == call.body
    ends = (b"\n\n", b"\r\r", b"\r\n\r\n")
    assert all(piece.endswith(ends) for piece in call.pieces), call.pieces


async def test_an_event_goes_out_as_soon_as_it_is_whole(relay):
    """Not held back for the next one, nor for the rest of the packet's last event."""
    go_on = asyncio.Event()

    async def answer(visit):
        visit.send(sse_head(), chunk(delta("first") + delta("second")[:10]))
        await go_on.wait()
        visit.send(chunk(delta("second")[10:]), chunk(DONE), chunk(b""))

    front, _ = await relay(answer)

    call = await front.open(STREAM)
    await call.holds(delta("first"))
    early = call.body
    go_on.set()
    await call.ended()

    assert delta("first") == early
    assert delta("first") + delta("second") + DONE == call.body


@pytest.mark.parametrize("at", [1, 4, 7, 10, 13, 14, 15, 16, 17, 18, -19, -17, -4, -3, -2, -1])
async def test_crlf_events_may_be_split_anywhere(relay, at):
    """Between CR and LF, too."""
    events = (b'data: {"a":1}\n\n' + DONE).replace(b"\n", b"\r\n")
    go_on = asyncio.Event()

    async def answer(visit):
        visit.send(sse_head(), chunk(events[:at]))
        await go_on.wait()
        visit.send(*([chunk(events[at:])] if events[at:] else []), chunk(b""))

    front, upstream = await relay(answer)

    call = await front.open(STREAM)
    await upstream.visited()
    go_on.set()
    await call.ended()

    assert events == call.body


PLAIN = {
    "odd spacing": b'  {"choices" : [],\r\n\t"x":1.50e+3, "x":2, "usage":null}\n',
    "2 MB": json.dumps(completion("y" * 2_000_000)).encode(),
    "exactly what is held back": json.dumps({"x": "z" * (1024 * 1024 - 9)}).encode(),
    "escapes": '{"text":"\\u00e4\\ud83d\\ude42 ä 🙂"}'.encode(),
    "empty object": b"{}",
}


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("name", PLAIN)
async def test_a_plain_answer_passes_unchanged(relay, name, framing):
    """Small or longer than what is held back, however its end is told; its length is told where it is known (63acef08-F7)."""
    body = PLAIN[name]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json; x=y\r\n"

    async def answer(visit):
        if framing == "length":
            visit.send(plain(body, 200, "content-type: application/json; x=y"))
        elif framing == "chunked":
            half = len(body) // 2
            visit.send(head, b"Transfer-Encoding: Chunked\r\n\r\n", chunk(body[:half]), chunk(body[half:]), chunk(b""))
        else:
            visit.send(head, b"\r\n", body)
            visit.end()

    front, _ = await relay(answer)

    call = await front.post(chat())

    assert (200, "application/json; x=y", True) == (call.status, call.headers["content-type"], call.is_whole)
    assert body == call.body
    if framing == "length" or len(body) <= 1024 * 1024:
        assert str(len(body)) == call.headers["content-length"]


async def test_a_plain_answer_in_single_bytes_passes_unchanged(relay):
    """Head and body, one byte a packet."""
    body = json.dumps(completion()).encode()

    async def answer(visit):
        await visit.send_slowly(plain(body))

    front, _ = await relay(answer)

    assert body == (await front.post(chat())).body


async def test_heads_before_the_answer_are_not_the_answer(relay):
    """100, 102 and 103 with headers of their own."""
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\ncontent-type: text/html\r\ncontent-length: 9\r\nretry-after: 9\r\n\r\n"

    async def answer(visit):
        visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0)
        visit.send(b"HTTP/1.1 102 Processing\r\n\r\n", early, plain(completion()))

    front, upstream = await relay(answer)

    first, second = await front.post(chat()), await front.post(chat())

    assert (200, completion()) == (first.status, json.loads(first.body))
    assert ("application/json", completion()) == (second.headers["content-type"], json.loads(second.body))
    assert [0, 0] == [visit.connection for visit in upstream.visits]


async def test_chunk_extensions_and_trailers_are_not_the_body(relay):
    """Trailers change nothing of the head that is out."""

    async def answer(visit):
        body = delta("a") + DONE
        trailers = b"0;last\r\nContent-Type: text/html\r\nX-Checksum: 1\r\nset-cookie: a=b\r\n\r\n"
        visit.send(sse_head("trailer: x-checksum"), b"%x;a=b;c\r\n%s\r\n" % (len(body), body), trailers)

    front, upstream = await relay(answer)

    first, second = await front.post(STREAM), await front.post(STREAM)

    assert [delta("a") + DONE] * 2 == [first.body, second.body]
    assert [0, 0] == [visit.connection for visit in upstream.visits]
    assert not {"x-checksum", "set-cookie"} & {*first.headers, *second.headers}
