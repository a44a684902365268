"""Rule 13, restart: SIGTERM lets calls end in a time that settings give, then ends each stream with an error in it.

Looked at from outside: a server in a process of its own, with a local engine and a server behind it.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from attrs import define, field
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded
from llmlb_testing.asgi import open_app
from llmlb_testing.server import LiveServer
from llmlb_testing.upstream import FakeUpstream, Visit, chunk, delta, sse_head

DEADLINE_S = 20.0
TOML = """
[server]
drain_timeout_s = SECONDS

[health]
interval_s = 0

[models.local]
engine = "echo"
options = { delay_s = 0.1 }

[[endpoints]]
name = "far"
url = "URL"
models = ["far"]
"""
ENDLESS = "word " * 2000
SHORT = "one two three four five six seven eight"
"""The local model says it in a second."""


async def speak(visit: Visit) -> None:
    """Begin a stream and never end it."""
    visit.send(sse_head(), chunk(delta("a word")))
    await visit.gone()


@define(eq=False)
class Server:
    """A server that will be stopped, one call after another."""

    live: LiveServer
    http: aiohttp.ClientSession
    upstream: FakeUpstream

    async def begin(self, model: str, text: str, *, stream: bool = True) -> aiohttp.ClientResponse:
        """Begin a call; of a stream, its first piece has come."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
        response = await self.http.post("/v1/chat/completions", json=body)
        if stream:
            await response.content.readline()
        return response

    def terminate(self) -> None:
        """Ask it to stop."""
        self.live.process.send_signal(signal.SIGTERM)

    async def exit_code(self) -> int:
        """Return its exit code when it has ended."""
        return await asyncio.to_thread(self.live.process.wait, DEADLINE_S)


@define(eq=False)
class Http2:
    """A client on one HTTP/2 connection."""

    live: LiveServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    h2: H2Connection = field(factory=H2Connection)
    heads: dict[int, dict[str, str]] = field(factory=dict)
    bodies: dict[int, bytes] = field(factory=dict)
    ended: set[int] = field(factory=set)

    @classmethod
    async def open(cls, live: LiveServer) -> Http2:
        """Connect to *live*, with the preface."""
        client = cls(live, *await asyncio.open_connection("127.0.0.1", int(live.url.rsplit(":", 1)[1])))
        client.h2.initiate_connection()
        return client

    def call(self, model: str, text: str) -> int:
        """Begin a stream; return its number."""
        number = self.h2.get_next_available_stream_id()
        head = [(":method", "POST"), (":path", "/v1/chat/completions"), (":authority", "here"), (":scheme", "http")]
        self.h2.send_headers(number, [*head, ("authorization", f"Bearer {self.live.key}")])
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": True}
        self.h2.send_data(number, json.dumps(body).encode(), end_stream=True)
        self.writer.write(self.h2.data_to_send())
        return number

    async def until(self, condition: Callable[[], bool]) -> None:
        """Read until *condition* holds."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                data = await self.reader.read(65536)
                assert data, "the server closed the connection"
                for event in self.h2.receive_data(data):
                    if isinstance(event, ResponseReceived):
                        self.heads[event.stream_id] = {name.decode(): value.decode() for name, value in event.headers}
                    elif isinstance(event, DataReceived):
                        self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
                        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, StreamEnded):
                        self.ended.add(event.stream_id)
                self.writer.write(self.h2.data_to_send())


@pytest.fixture
async def server(tmp_path, request) -> AsyncIterator[Server]:
    """A running server; an ``indirect`` parameter is how many seconds it drains."""
    async with FakeUpstream.open(speak) as upstream:
        toml = TOML.replace("URL", upstream.url).replace("SECONDS", str(request.param))
        live = await asyncio.to_thread(LiveServer.start, tmp_path / "data", toml)
        headers = {"authorization": f"Bearer {live.key}"}
        try:
            async with aiohttp.ClientSession(live.url, headers=headers, timeout=aiohttp.ClientTimeout(DEADLINE_S)) as http:
                yield Server(live, http, upstream)
        finally:
            await asyncio.to_thread(live.stop)


def errors_of(text: str) -> list[str]:
    """Return the codes of the errors among the events of *text*."""
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: {")]
    return [document["error"]["code"] for document in map(json.loads, events) if "error" in document]


@pytest.mark.parametrize("server", [2], indirect=True)
async def test_rule_13_streams_that_do_not_end_in_time_end_with_one_error(server):
    """Of an engine and of a server behind: an error in the stream, no ``[DONE]``, and the server's connection is closed."""
    streams = [await server.begin(model, ENDLESS) for model in ("local", "far", "local")]
    visit = await server.upstream.visited()

    server.terminate()
    texts = [await stream.text() for stream in streams]
    code = await server.exit_code()
    await visit.gone()

    assert [["shutting_down"]] * 3 == [errors_of(text) for text in texts]
    assert not [text for text in texts if "[DONE]" in text]
    assert 0 == code


@pytest.mark.parametrize("server", [15], indirect=True)
async def test_rule_13_what_ends_in_time_is_whole(server):
    """A stream and a plain answer that began before the signal; the process ends with the last of them, not with the time."""
    stream = await server.begin("local", SHORT)
    plain = asyncio.create_task(server.begin("local", SHORT, stream=False))
    running = False
    async with asyncio.timeout(DEADLINE_S):
        while not running:
            async with server.http.get("/metrics") as page:
                running = "llmlb_calls_running 2" in await page.text()

    server.terminate()
    text, answer = await stream.text(), await (await plain).json()
    async with asyncio.timeout(10):
        code = await server.exit_code()

    assert ([], True) == (errors_of(text), text.endswith("data: [DONE]\n\n"))
    assert SHORT == answer["choices"][0]["message"]["content"]
    assert 0 == code


@pytest.mark.parametrize("server", [15], indirect=True)
async def test_rule_13_new_calls_are_told_to_come_again(server):
    """On a connection that is there: 503 with Retry-After. Others are refused at once: the port is free for whoever comes next."""
    client = await Http2.open(server.live)
    first = client.call("local", ENDLESS)
    await client.until(lambda: first in client.bodies)
    port = int(server.live.url.rsplit(":", 1)[1])

    server.terminate()
    async with asyncio.timeout(DEADLINE_S):
        while True:
            second = client.call("local", "hi")
            await client.until(lambda number=second: number in client.heads and number in client.ended)
            if client.heads[second][":status"] == "503":
                break
    successor = await asyncio.to_thread(LiveServer.start, server.live.data_dir, "", port=port)
    await asyncio.to_thread(successor.stop)
    server.terminate()
    await client.until(lambda: first in client.ended)
    client.writer.close()

    assert int(client.heads[second]["retry-after"]) >= 1
    assert b'"shutting_down"' in client.bodies[second]
    assert ["shutting_down"] == errors_of(client.bodies[first].decode())


@pytest.mark.parametrize("server", [60], indirect=True)
async def test_rule_13_a_second_signal_stops_waiting_for_calls(server):
    """A stream would run for a minute: the first SIGTERM waits for it, the second ends it with an error in the stream."""
    stream = await server.begin("local", ENDLESS)

    server.terminate()
    server.live.process.send_signal(signal.SIGINT)
    text = await stream.text()

    assert ["shutting_down"] == errors_of(text)
    assert "[DONE]" not in text
    assert 0 == await server.exit_code()


async def test_rule_13_an_asgi_server_that_stops_drains_as_well(tmp_path):
    """Where no process of ours is asked to stop, the end of the application's lifespan is what ends its streams."""
    toml = (
        '[auth]\nis_disabled = true\n[server]\ndrain_timeout_s = 0.5\n[models.echo]\nengine = "echo"\noptions = { delay_s = 0.1 }\n'
    )
    async with open_app(tmp_path / "data", toml) as client:
        stream = asyncio.create_task(client.chat(ENDLESS, stream=True))
        async with asyncio.timeout(DEADLINE_S):
            while "llmlb_calls_running 1" not in (await (await client.http.get("/metrics")).get_data()).decode():
                pass

    answer = await stream

    assert ["shutting_down"] == errors_of(answer.body.decode())
    assert b"[DONE]" not in answer.body
