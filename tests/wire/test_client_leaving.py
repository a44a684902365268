"""Clients that leave, clients that do not read, and a server that stops: nothing runs on, nothing is left."""

from __future__ import annotations

import asyncio
import gc
import json
import ssl

import pytest
import trustme

from llmlb_core.wire.client import ClientConnection
from llmlb_core.wire.limits import ClientLimits

pytestmark = pytest.mark.asyncio(loop_scope="module")
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
IMPATIENT = ClientLimits(read_s=0.6, linger_s=0.3)
LONG = "word " * 400


def post(text="hi", model="echo", **fields):
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields}).encode()
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def calls(front):
    """How many calls run."""
    return front.house.pipeline.running.count


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", ["eof", "reset", "close"])
async def test_a_client_that_leaves_ends_its_call(front, how, stream, caplog):
    """Half-closed, reset or closed, while it waits or in the middle of a stream: the engine is free again."""
    client = await front.connect()
    await client.send(post(LONG, "slow", stream=stream))
    await client.head() if stream else await front.until(lambda: calls(front) == 1)

    if how == "eof":
        client.writer.write_eof()
    elif how == "reset":
        client.reset()
    else:
        client.writer.close()

    await front.until(lambda: not front.server.connections)
    await front.idle()
    assert [] == [record.message for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("how", ["eof", "reset"])
@pytest.mark.parametrize("sent", [b"P", HEAD, HEAD + b"Content-Length: 100\r\n\r\n", HEAD + b"Content-Length: 100\r\n\r\n{", b"\0"])
async def test_a_client_that_leaves_in_the_middle_of_a_request_is_forgotten(front, sent, how):
    """In the head, before the body, in the body, and after it was refused."""
    client = await front.connect()
    await client.send(sent)
    await front.until(lambda: front.server.connections)

    client.writer.write_eof() if how == "eof" else client.reset()

    await front.until(lambda: not front.server.connections)
    await front.idle()


async def test_what_was_pipelined_is_not_answered_after_the_client_left(front):
    """The end of its half is its leaving."""
    client = await front.connect()
    await client.send(post(LONG, "slow") + post() * 3)
    await front.until(lambda: calls(front) == 1)

    client.writer.write_eof()

    assert b"" == await client.rest()
    await front.idle()


@pytest.mark.parametrize("front", [IMPATIENT], indirect=True)
async def test_a_client_that_never_reads_is_left(front):
    """What waits for it is bounded, the engine pauses, and after ``read_s`` the connection is aborted."""
    client = await front.connect(receive_bytes=4096)
    client.reader._transport.pause_reading()

    await client.send(post(model="flood", stream=True))
    await front.until(lambda: any(each.is_write_paused for each in front.server.connections))
    (connection,) = front.server.connections
    unsent = connection.transport.get_write_buffer_size()

    assert unsent < 1_000_000
    assert 1 == calls(front)
    await front.until(lambda: not front.server.connections)
    await front.idle()


@pytest.mark.parametrize("front", [IMPATIENT], indirect=True)
@pytest.mark.parametrize("headers", [b"", b"Connection: close\r\n"])
async def test_a_client_that_does_not_read_the_end_is_left(front, headers):
    """The call is over, its answer waits: that too has its time, with keep-alive and without."""
    client = await front.connect(receive_bytes=4096)
    client.reader._transport.pause_reading()

    await client.send(post(model="flood").replace(HEAD, HEAD + headers))
    await front.until(lambda: any(each.is_write_paused for each in front.server.connections))
    await front.idle()

    await front.until(lambda: not front.server.connections)


@pytest.mark.parametrize("front", [IMPATIENT], indirect=True)
async def test_a_client_that_ends_its_half_and_does_not_read_is_left(front):
    """What is unsent keeps a closing connection open, but not for ever."""
    client = await front.connect(receive_bytes=4096)
    client.reader._transport.pause_reading()
    await client.send(post(model="flood"))
    await front.until(lambda: any(each.is_write_paused for each in front.server.connections))

    client.writer.write_eof()

    await front.until(lambda: not front.server.connections)
    await front.idle()


@pytest.mark.parametrize("front", [ClientLimits(read_s=0.5)], indirect=True)
async def test_a_client_that_reads_slowly_is_served(front):
    """It reads something in every ``read_s``: it has not left."""
    client = await front.connect(receive_bytes=4096)
    client.reader._transport.pause_reading()
    await client.send(post(model="flood", stream=True))
    await front.until(lambda: any(each.is_write_paused for each in front.server.connections))

    client.reader._transport.resume_reading()
    answer = await client.answer()

    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert len(answer.body) > 4_000_000


@pytest.mark.parametrize("front", [ClientLimits(linger_s=0.3)], indirect=True)
async def test_a_client_that_sends_on_after_it_was_refused_is_left(front):
    """Reading what nobody wants has its time."""
    client = await front.connect()
    await client.send(b"\0")

    async def send_for_ever():
        while True:
            await client.send(b"x" * 1000)
            await asyncio.sleep(0.01)

    with pytest.raises(ConnectionError):
        await send_for_ever()

    await front.until(lambda: not front.server.connections)


async def test_a_stop_lets_calls_finish_and_closes_what_is_idle(front):
    """Running: answered, with Connection: close. Idle: closed. New: refused."""
    idle, used, partial, running, streaming = [await front.connect() for _ in range(5)]
    await used.call(post())
    await partial.send(HEAD)
    await running.send(post("a b c d e f g h", "slow"))
    await streaming.send(post("a b c d e f g h", "slow", stream=True))
    await front.until(lambda: calls(front) == 2 and len(front.server.connections) == 5)

    front.server.stop_accepting()
    answer = await running.answer()
    streamed = await streaming.answer()

    assert ("a b c d e f g h", "close") == (answer.said, answer.headers["connection"])
    assert streamed.body.endswith(b"data: [DONE]\n\n")
    assert [b""] * 5 == [await each.rest() for each in (idle, used, partial, running, streaming)]
    with pytest.raises(ConnectionError):
        await front.connect()


async def test_a_connection_that_comes_home_to_a_server_that_stops_is_closed(front):
    """What was lent when it stopped too."""
    client = await front.connect()
    await client.call(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    await front.until(lambda: front.server.connections)
    (connection,) = front.server.connections

    front.server.stop_accepting()

    assert b"" == await client.rest()
    assert isinstance(connection, ClientConnection)


async def test_a_stop_ends_what_does_not_end(front):
    """Calls that still run are cancelled, and have ended when ``stop`` returns."""
    client = await front.connect()
    await client.send(post(LONG, "slow", stream=True))
    await client.head()

    await front.server.stop(0)

    assert 0 == calls(front)
    assert set() == front.server.connections


async def test_calls_leave_nothing_for_the_garbage_collector(front):
    """A request, its body and its answer are freed when the call is over, not some time later."""
    client = await front.connect()
    for _ in range(5):
        await client.call(post("warm"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            await client.call(post("x" * 1000))
        await front.idle()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [each for each in gc.garbage if type(each).__module__.startswith("llmlb_core.wire")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()

    assert [] == left


@pytest.mark.parametrize("front", [ClientLimits(linger_s=0.5)], indirect=True)
async def test_https_clients_read_their_refusal_too(front, tmp_path):
    """TLS has no halves: the answer's length and Connection: close tell its end, and the connection ends when its time is up."""
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    listener = await asyncio.get_running_loop().create_server(
        lambda: ClientConnection(front.server, asyncio.get_running_loop()), "127.0.0.1", 0, ssl=server
    )
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname(), ssl=client, server_hostname="localhost")

    writer.write(HEAD + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)

    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in await asyncio.wait_for(reader.read(), 20)
    writer.close()
    listener.close()
    await front.until(lambda: not front.server.connections)
