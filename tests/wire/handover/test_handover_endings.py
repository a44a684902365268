"""How loans end that do not come home: clients that leave, applications that fail, a server that stops."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from llmlb_core.wire import handover as handover_module
from llmlb_core.wire import lent_stream

DEADLINE_S = 10.0


async def lost(front):
    """Wait until the wire has heard that its only connection is gone."""
    async with asyncio.timeout(DEADLINE_S):
        await front.lost.wait()


async def served(front):
    """Wait until nothing is lent."""
    async with asyncio.timeout(DEADLINE_S):
        while front.handover.lent_count:  # noqa: ASYNC110  # the test looks from outside
            await asyncio.sleep(0.01)


def reset(client) -> None:
    """Break the connection."""
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


@pytest.mark.parametrize("pipelined", [b"", b"POST /hot HTTP/1.1\r\nhost: a\r\n\r\n" * 10])
async def test_an_application_hears_at_once_that_its_client_broke_the_connection(front, pages, pipelined):
    """Also while Hypercorn waits with pipelined bytes in its hands."""
    client = await front.connect()
    await client.send("GET /late")
    await pages.entered.wait()
    client.writer.write(pipelined)
    await asyncio.sleep(0.05)

    reset(client)
    await lost(front)
    async with asyncio.timeout(1):
        await pages.left.wait()

    await served(front)


async def test_a_client_that_breaks_off_before_the_loan_begins_leaves_nothing(front):
    """The connection may end between the lending and the first step of the loan."""
    for _ in range(20):
        client = await front.connect()
        await client.send("GET /echo")
        reset(client)

    await served(front)
    async with asyncio.timeout(DEADLINE_S):
        while not (front.connections and all(hot.lost_count for hot in front.connections)):
            front.lost.clear()
            await front.lost.wait()


async def test_a_client_may_end_its_half_and_still_gets_its_answer(front, pages):
    """And the wire is told of the end when the connection comes home."""
    client = await front.connect()
    await client.send("GET /late")
    await pages.entered.wait()

    client.writer.write_eof()
    await asyncio.sleep(0.05)
    pages.answer.set()
    answer = await client.answer()

    assert ((200, b"late"), b"") == (answer, await client.end())
    assert front.connections[0].is_eof
    await client.close()


async def test_requests_before_the_end_of_a_half_are_all_answered(front):
    """As ``printf … | nc -N`` sends them."""
    client = await front.connect()
    for head in ("GET /echo", "POST /hot", "GET /echo"):
        await client.send(head)

    client.writer.write_eof()
    answers = [await client.answer() for _ in range(3)]

    assert [(200, b"cold"), (200, b"hot"), (200, b"cold")] == answers
    assert b"" == await client.end()
    await client.close()


async def test_a_client_that_ended_its_half_counts_as_gone_after_a_while(front, pages, monkeypatch):
    """Nobody works for ever for a client that can no longer be told from one that left."""
    monkeypatch.setattr(handover_module, "HALF_CLOSED_S", 0.05)
    client = await front.connect()
    await client.send("GET /late")
    await pages.entered.wait()

    client.writer.write_eof()

    assert b"" == await client.end()
    assert pages.left.is_set()
    await client.close()


async def test_half_a_body_is_answered_400(front):
    """The client ended its half inside it."""
    client = await front.connect()
    await client.send("POST /echo", headers="content-length: 10\r\n")
    client.writer.write(b"half")

    client.writer.write_eof()

    assert (await client.end()).startswith(b"HTTP/1.1 400")
    await client.close()


async def test_an_application_that_writes_for_ever_ends_with_its_client(front, pages):
    """It never looks at what it receives; other connections are served all the while."""
    deaf = await front.connect()
    await deaf.send("GET /deaf")
    await pages.entered.wait()
    other = await front.connect()

    reset(deaf)
    await lost(front)
    answer = await other.call("GET /echo")

    assert (200, b"cold") == answer
    pages.answer.set()
    await served(front)
    await other.close()


async def test_a_client_that_reads_nothing_is_cut_off(front, pages, monkeypatch):
    """An answer does not wait for ever in a full buffer."""
    monkeypatch.setattr(lent_stream, "WRITE_TIMEOUT_S", 0.1)
    client = await front.connect()
    client.writer.transport.pause_reading()

    await client.send("GET /deaf")
    await lost(front)

    pages.answer.set()
    await served(front)
    client.writer.transport.abort()


async def test_an_application_that_raises_before_its_answer_gets_500(front):
    """And the connection is closed."""
    client = await front.connect()

    status, _ = await client.call("GET /raising")

    assert (500, b"") == (status, await client.end())
    await client.close()


async def test_an_application_that_raises_in_its_answer_breaks_it(front):
    """The client sees that it is incomplete."""
    client = await front.connect()
    await client.send("GET /raising-late")

    text = await client.end()

    assert text.endswith(b"half")
    await client.close()


@pytest.mark.parametrize("size", [10_000, 20_000_000])
async def test_an_answer_before_the_body_reaches_a_client_that_sends_on(front, size):
    """It is not destroyed by closing while bytes arrive, and the application's full queue keeps nobody."""
    client = await front.connect()
    await client.send("POST /early", headers=f"content-length: {size}\r\n")

    async def send_body() -> None:
        for _ in range(size // 10_000):
            client.writer.write(b"x" * 10_000)
            await client.writer.drain()

    sending = asyncio.create_task(send_body())
    answer = await client.answer()
    await asyncio.gather(sending, return_exceptions=True)

    assert (413, b"early") == answer
    await client.close()
    await served(front)


async def test_a_stop_lets_answers_finish(front, pages):
    """And closes the connection behind them."""
    client = await front.connect()
    await client.send("GET /late")
    await pages.entered.wait()

    stopping = asyncio.create_task(front.handover.stop(DEADLINE_S))
    await asyncio.sleep(0)
    pages.answer.set()
    answer = await client.answer()
    await stopping

    assert ((200, b"late"), b"") == (answer, await client.end())
    await client.close()


async def test_a_stop_ends_what_does_not_finish(front, pages):
    """After its grace; the application hears that its client left."""
    client = await front.connect()
    await client.send("GET /late")
    await pages.entered.wait()

    await front.handover.stop(0.05)

    assert (0, True) == (front.handover.lent_count, pages.left.is_set())
    assert b"" == await client.end()
    await client.close()


async def test_a_stop_cancels_an_application_that_does_not_listen(front, pages, monkeypatch):
    """Even one that neither reads nor ends."""
    monkeypatch.setattr(handover_module, "ABORT_S", 0.05)
    client = await front.connect()
    await client.call("GET /lingering")

    await front.handover.stop(0.05)

    assert 0 == front.handover.lent_count
    await client.close()


async def test_what_is_lent_after_a_stop_is_closed(front):
    """Nobody serves it any more."""
    client = await front.connect()
    await front.handover.stop(0)

    await client.send("GET /echo")

    assert b"" == await client.end()
    await client.close()
