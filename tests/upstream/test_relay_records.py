"""What is kept of a relayed call, names that were changed on the way, and streams over HTTP/2."""

from __future__ import annotations

import asyncio
import json

import pytest
from attrs import define, evolve, field
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from llmlb_testing.upstream import DONE, FakeUpstream, chunk, completion, delta, plain, sse_head

from llmlb_core.domain.results import Usage

from .conftest import CHAT, chat, open_front, records_of, toml_of

USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 3}}
LAST = b"data: " + json.dumps({"id": "c", "choices": [], "usage": USAGE}).encode() + b"\n\n"
TOLD = Usage(7, 5, cached_tokens=3)


async def answer(visit):
    """Answer as asked, with usage."""
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta("a")), chunk(LAST + DONE), chunk(b""))
    else:
        visit.send(plain(completion(usage=USAGE)))


@pytest.mark.parametrize("stream", [False, True])
async def test_usage_is_recorded(relay, stream):
    """From a plain answer and from the last event of a stream."""
    front, _ = await relay(answer)
    records = records_of(front)

    call = await front.post(chat(stream=stream))
    await front.idle()

    record = records[0]
    assert (TOLD, "finished", 200, "e0", len(call.body)) == (
        record.usage, record.ending, record.status, record.served_by, record.bytes_out
    )  # fmt: skip
    assert record.first_token_s is not None


async def test_usage_of_a_long_plain_answer_is_recorded(relay):
    """It went out before it was whole; its end tells."""

    async def long(visit):
        visit.send(plain(completion("x" * 3_000_000, usage=USAGE)))

    front, _ = await relay(long)
    records = records_of(front)

    await front.post(chat())
    await front.idle()

    assert TOLD == records[0].usage


async def test_a_cut_stream_is_recorded_as_failed_with_the_usage_so_far(relay):
    """Servers that tell usage with every event have told it."""

    async def cut(visit):
        visit.send(sse_head(), chunk(delta("a", usage=USAGE)))
        visit.end()

    front, _ = await relay(cut)
    records = records_of(front)

    await front.post(chat(stream=True))
    await front.idle()

    record = records[0]
    assert (evolve(TOLD, is_partial=True), "failed", 200) == (record.usage, record.ending, record.status)
    assert "bad_gateway" == record.error_code


async def test_attempts_are_recorded(relay):
    """Which endpoint failed, and how."""

    async def failing(visit):
        visit.send(plain({}, 503))

    front, _, _ = await relay(failing, answer)
    records = records_of(front)

    for _ in range(2):
        await front.post(chat())
    await front.idle()

    attempts = [attempt for record in records for attempt in record.attempts]
    assert {("e0", "failed", "bad_gateway")} == {(each.endpoint, each.outcome, each.reason) for each in attempts}
    assert ["finished", "finished"] == [record.ending for record in records]


async def test_a_client_that_left_is_recorded_as_that(relay):
    """It is no failure of the server."""

    async def hanging(visit):
        await visit.gone()

    front, upstream = await relay(hanging)
    records = records_of(front)

    call = await front.open(chat())
    await upstream.visited()
    call.leave()
    await front.idle()

    assert ["cancelled"] == [record.ending for record in records]


@define
class Http2:
    """A client on one HTTP/2 connection that was known beforehand to be one."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    h2: H2Connection = field(factory=H2Connection)
    statuses: dict[int, int] = field(factory=dict)
    pieces: dict[int, list[bytes]] = field(factory=dict)
    ended: set[int] = field(factory=set)

    def call(self, body: bytes) -> int:
        """Send a chat."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", "POST"), (":path", CHAT), (":authority", "here"), (":scheme", "http")])
        self.h2.send_data(stream, body, end_stream=True)
        self.writer.write(self.h2.data_to_send())
        return stream

    async def receive(self, *, reads: bool = True) -> None:
        """Read once; give the server room for more where *reads*."""
        async with asyncio.timeout(10):
            data = await self.reader.read(65536)
        assert data, "the server closed the connection"
        for event in self.h2.receive_data(data):
            if isinstance(event, ResponseReceived):
                self.statuses[event.stream_id] = int(dict(event.headers)[b":status"])
            elif isinstance(event, DataReceived):
                self.pieces.setdefault(event.stream_id, []).append(event.data)
                if reads:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded | StreamReset):
                self.ended.add(event.stream_id)
        self.writer.write(self.h2.data_to_send())

    def body(self, stream: int) -> bytes:
        """Return what has come."""
        return b"".join(self.pieces.get(stream, []))


async def open_http2(front) -> Http2:
    """Connect with the preface."""
    client = Http2(*await asyncio.open_connection(*front.address))
    client.h2.initiate_connection()
    client.writer.write(client.h2.data_to_send())
    return client


@pytest.fixture
def plane() -> str:
    """The wire's port; HTTP/2 goes through it to the web plane."""
    return "wire"


async def test_streams_are_relayed_over_http2_side_by_side(relay):
    """Event by event, several on one connection, an error event where one is cut."""
    go_on = asyncio.Event()

    async def script(visit):
        visit.send(sse_head(), chunk(delta("first")))
        await go_on.wait()
        if visit.json.get("cut"):
            visit.reset()
        else:
            visit.send(chunk(delta("second")), chunk(DONE), chunk(b""))

    front, _ = await relay(script)
    client = await open_http2(front)

    streams = [client.call(chat(stream=True, cut=number == 2)) for number in range(4)]
    while not all(delta("first") == client.body(stream) for stream in streams):
        await client.receive()
    go_on.set()
    while not client.ended.issuperset(streams):
        await client.receive()
    client.writer.close()

    whole = delta("first") + delta("second") + DONE
    assert [200] * 4 == [client.statuses[stream] for stream in streams]
    assert [whole] * 3 == [client.body(stream) for stream in streams if stream != streams[2]]
    assert b'"bad_gateway"' in client.body(streams[2])
    assert b"[DONE]" not in client.body(streams[2])


async def test_a_stream_that_is_not_read_over_http2_pauses_the_server(relay):
    """Flow control reaches the server's socket."""

    async def endless(visit):
        visit.send(sse_head())
        for _ in range(3000):
            await visit.drained()
            visit.send(chunk(delta("x" * 10_000)))
        visit.send(chunk(DONE), chunk(b""))

    front, upstream = await relay(endless)
    client = await open_http2(front)

    stream = client.call(chat(stream=True))
    while client.body(stream).count(b"x") < 50_000:
        await client.receive(reads=False)
    visit = await upstream.visited()
    async with asyncio.timeout(10):
        while not visit.is_paused:  # noqa: ASYNC110  # until the buffers on the way are full
            await asyncio.sleep(0.01)
    client.h2.acknowledge_received_data(len(client.body(stream)), stream)
    client.writer.write(client.h2.data_to_send())
    while stream not in client.ended:
        await client.receive()
    client.writer.close()

    assert client.body(stream).endswith(DONE)
    assert 3000 == client.body(stream).count(b'"content"')


async def test_a_stream_that_is_reset_over_http2_ends_the_servers_work(relay):
    """The other streams of the connection go on."""

    async def begun(visit):
        visit.send(sse_head(), chunk(delta("first")))
        await visit.gone()

    front, upstream = await relay(begun)
    client = await open_http2(front)

    stream = client.call(chat(stream=True))
    while not client.body(stream):
        await client.receive()
    client.h2.reset_stream(stream)
    client.writer.write(client.h2.data_to_send())
    await upstream.visits[0].gone()
    client.writer.close()

    assert 0 == front.servers[0].pool.idle_count


async def test_a_model_under_another_name_is_asked_for_by_its_own(tmp_path):
    """A model of this machine with an alias, which a server has too: the server is told the name that it knows."""
    toml = '[models.echo]\nengine = "echo"\nserves = ["other"]\noptions = { max_concurrency = 1 }\n'
    body = b'{ "messages" : [{"role":"user","content":"\\"model\\": \\"other\\""}],"model" : "other","x":1.50}'

    async with FakeUpstream.open(answer) as upstream:
        settings = toml_of(upstream.url, models='["echo"]').replace('"dialect_openai",', '"dialect_openai", "engine_echo",') + toml
        async with open_front("wire", tmp_path / "data", settings) as front:
            calls = await asyncio.gather(*(front.post(body) for _ in range(2)))

    assert {200} == {call.status for call in calls}
    assert {"e0", "echo"} >= {call.headers["x-llmlb-endpoint"] for call in calls}
    assert [body.replace(b'"model" : "other"', b'"model" : "echo"')] == [bytes(visit.body) for visit in upstream.visits]
