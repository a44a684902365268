"""HTTP/1.1 requests that are lent to Hypercorn, and connections that come home."""

from __future__ import annotations

import asyncio

import pytest


async def test_a_connection_comes_home_after_a_cold_request(front):
    """GET, POST, GET on one connection: the POST in the middle is answered by the wire."""
    client = await front.connect()

    answers = [await client.call(head) for head in ("GET /echo", "POST /hot", "GET /echo")]

    assert [(200, b"cold"), (200, b"hot"), (200, b"cold")] == answers
    assert [1] == [hot.hot_count for hot in front.connections]
    await client.close()


async def test_a_thousand_requests_alternate_between_the_planes(front):
    """One connection serves them all."""
    client = await front.connect()

    answers = [await client.call("POST /hot" if number % 2 else "GET /echo") for number in range(1000)]

    assert [(200, b"cold"), (200, b"hot")] * 500 == answers
    assert 1 == len(front.connections)
    await client.close()


async def test_pipelined_requests_are_answered_in_order(front):
    """What Hypercorn has read beyond its own request goes home with the connection."""
    client = await front.connect()

    for head in ("GET /echo", "POST /hot", "PUT /echo", "GET /status/204", "POST /hot", "POST /hot", "GET /echo") * 20:
        await client.send(head, b"body" if head.startswith("PUT") else b"")
    answers = [await client.answer() for _ in range(140)]

    cold, hot = (200, b"cold"), (200, b"hot")
    assert [cold, hot, (200, b"coldbody"), (204, b""), hot, hot, cold] * 20 == answers
    assert [60] == [connection.hot_count for connection in front.connections]
    await client.close()


async def test_requests_that_arrive_while_another_is_answered_wait(front, pages):
    """Bytes behind a lent request are neither parsed by Hypercorn nor lost."""
    client = await front.connect()
    await client.send("GET /late")
    await pages.entered.wait()

    await client.send("POST /hot")
    await client.send("GET /echo")
    pages.answer.set()
    answers = [await client.answer() for _ in range(3)]

    assert [(200, b"late"), (200, b"hot"), (200, b"cold")] == answers
    await client.close()


async def test_a_request_may_arrive_byte_by_byte(front):
    """Neither plane needs a whole message in one piece."""
    client = await front.connect()

    text = b"PUT /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody"
    text += b"POST /hot HTTP/1.1\r\nhost: a\r\n\r\nGET /echo HTTP/1.1\r\nhost: a\r\n\r\n"
    for byte in text:
        client.writer.write(bytes([byte]))
        await asyncio.sleep(0)
    answers = [await client.answer() for _ in range(3)]

    assert [(200, b"coldbody"), (200, b"hot"), (200, b"cold")] == answers
    await client.close()


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
async def test_a_cold_request_may_have_a_body_of_known_length(front, size):
    """And the connection comes home after it."""
    client = await front.connect()

    answers = [await client.call("POST /echo", b"x" * size), await client.call("POST /hot")]

    assert [(200, b"cold" + b"x" * size), (200, b"hot")] == answers
    await client.close()


async def test_a_cold_request_may_have_a_chunked_body(front):
    """With a trailer, and with the next request right behind it."""
    client = await front.connect()

    await client.send("POST /echo", headers="transfer-encoding: chunked\r\n")
    client.writer.write(b"3\r\nabc\r\n")
    await asyncio.sleep(0)
    client.writer.write(b"2\r\nde\r\n0\r\nx-trailer: 1\r\n\r\nPOST /hot HTTP/1.1\r\nhost: a\r\n\r\n")
    answers = [await client.answer(), await client.answer()]

    assert [(200, b"coldabcde"), (200, b"hot")] == answers
    await client.close()


async def test_a_client_that_expects_100_gets_it(front):
    """Before it sends its body."""
    client = await front.connect()
    await client.send("POST /echo", headers="content-length: 4\r\nexpect: 100-continue\r\n")

    first = await client.answer()
    client.writer.write(b"body")
    answers = [first, await client.answer(), await client.call("POST /hot")]

    assert [(100, b""), (200, b"coldbody"), (200, b"hot")] == answers
    await client.close()


@pytest.mark.parametrize("head", ["HEAD /echo", "GET /status/204", "GET /status/304"])
async def test_answers_without_a_body_end_where_their_head_ends(front, head):
    """The next answer follows at once."""
    client = await front.connect()

    answers = [await client.call(head), await client.call("POST /hot")]

    assert [int(head.split("/")[-1]) if "status" in head else 200, 200] == [status for status, _ in answers]
    assert b"hot" == answers[1][1]
    await client.close()


async def test_a_large_answer_reaches_a_client_that_reads_late(front):
    """32 MiB come whole and in order through a connection that was full meanwhile, and it comes home."""
    client = await front.connect()
    await client.send("GET /big")
    await asyncio.sleep(0.1)

    status, body = await client.answer()
    after = await client.call("POST /hot")

    assert (200, b"".join(bytes([number % 256]) * 65536 for number in range(512))) == (status, body)
    assert (200, b"hot") == after
    await client.close()


@pytest.mark.parametrize("headers", ["connection: close\r\n", "connection: close\r\ncontent-length: 0\r\n"])
async def test_a_connection_that_shall_close_is_closed(front, headers):
    """By Hypercorn, after the answer."""
    client = await front.connect()

    answer = await client.call("GET /echo", headers=headers)

    assert ((200, b"cold"), b"") == (answer, await client.end())
    assert 0 == front.connections[0].home_count
    await client.close()


async def test_http_1_0_is_answered_and_closed(front):
    """Without chunks."""
    client = await front.connect()
    client.writer.write(b"GET /raising HTTP/1.0\r\n\r\n")

    text = await client.end()

    assert text.startswith(b"HTTP/1.1 500")
    await client.close()


async def test_a_request_that_h11_refuses_is_answered_400_and_closed(front):
    """Both parsers are strict; where h11 is stricter than the wire, its answer reaches the client."""
    client = await front.connect()
    client.writer.write(b"GET /echo HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n")

    text = await client.end()

    assert text.startswith(b"HTTP/1.1 400")
    await client.close()


async def test_an_upgrade_to_h2c_is_not_taken_up(front):
    """The request is answered over HTTP/1.1, and the connection comes home."""
    client = await front.connect()
    headers = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"

    answers = [await client.call("GET /echo", headers=headers), await client.call("POST /hot")]

    assert [(200, b"cold"), (200, b"hot")] == answers
    await client.close()


async def test_a_connection_comes_home_before_its_application_returns(front, pages):
    """What an application does after its answer keeps nobody waiting."""
    client = await front.connect()

    answers = [await client.call("GET /lingering"), await client.call("POST /hot"), await client.call("GET /echo")]

    assert [(200, b"ok"), (200, b"hot"), (200, b"cold")] == answers
    assert 1 <= front.handover.lent_count
    pages.answer.set()
    await client.close()


async def test_a_full_write_buffer_is_known_on_both_sides(front):
    """Hypercorn waits for a buffer that the wire has filled, and the wire is never told to resume what it did not pause."""
    client = await front.connect()
    await client.call("POST /hot")
    hot = front.connections[0]
    hot.transport.set_write_buffer_limits(high=1024)
    hot.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 8000000\r\n\r\n" + b"x" * 8_000_000)
    was_full = hot.pauses == [True]

    await client.send("GET /echo")
    await client.send("POST /hot")
    answers = [await client.answer() for _ in range(3)]

    assert was_full
    assert [(200, b"x" * 8_000_000), (200, b"cold"), (200, b"hot")] == answers
    await client.close()


async def test_a_connection_may_be_paused_when_it_is_lent(front):
    """Hypercorn reads at once what the wire did not want yet."""
    client = await front.connect()
    await client.call("POST /hot")
    hot = front.connections[0]
    lend = front.handover.lend

    def lend_paused(transport, *args, **kwargs):
        transport.pause_reading()
        lend(transport, *args, **kwargs)

    front.handover.lend = lend_paused
    await client.send("POST /echo", headers="content-length: 1000000\r\n")
    client.writer.write(b"x" * 1_000_000)
    answers = [await client.answer(), await client.call("POST /hot")]

    assert [(200, b"cold" + b"x" * 1_000_000), (200, b"hot")] == answers
    assert hot.transport.is_reading()
    await client.close()


async def test_a_client_that_floods_a_lent_connection_is_held_back(front, pages):
    """What follows the lent request is bounded, and all of it is served afterwards."""
    client = await front.connect()
    await client.send("GET /late")
    await pages.entered.wait()
    flood = b"POST /hot HTTP/1.1\r\nhost: a\r\n\r\n"
    count = 4_000_000 // len(flood)
    transport = front.connections[0].transport

    client.writer.write(flood * count)
    async with asyncio.timeout(10):
        while transport.is_reading():  # noqa: ASYNC110  # the test looks from outside
            await asyncio.sleep(0.01)
    held_bytes = len(transport.get_protocol()._buffer)
    pages.answer.set()
    first = await client.answer()
    for _ in range(count):
        assert (200, b"hot") == await client.answer()

    assert (200, b"late") == first
    assert held_bytes < 1_000_000
    await client.close()
