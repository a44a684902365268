"""The whole server in process, between a fake upstream and clients on the wire and under ASGI."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httptools
import pytest
from attrs import define, field
from llmlb_testing.doors import open_doors
from llmlb_testing.upstream import FakeUpstream

from llmlb_core.domain.records import Record
from llmlb_core.house import House
from llmlb_core.settings.load import load_settings
from llmlb_core.settings.sections import Settings

DEADLINE_S = 10.0
CHAT = "/v1/chat/completions"
TOML = """
[auth]
is_disabled = true

[log]
access = false

[plugins]
enabled = ["dialect_openai", "router_auto", "admission_fair"]

[admission]
queue_size = 0

[health]
interval_s = 0
"""


def pytest_asyncio_loop_factories(config, item):
    """Every test runs on uvloop and on the stock event loop."""
    del config, item
    import uvloop

    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


def chat(**fields: object) -> bytes:
    """Return the body of a chat."""
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


@define(eq=False)
class Call:
    """One call of a client, however it travels.

    Attributes:
        pieces: Of the answer's body, as the plane cut them: chunks on the wire, messages under ASGI.
        is_whole: Whether the answer ended as HTTP says; else it was cut, once ``over``.
    """

    status: int = 0
    headers: dict[str, str] = field(factory=dict)
    pieces: list[bytes] = field(factory=list)
    is_whole: bool = False
    over: asyncio.Event = field(factory=asyncio.Event)
    news: asyncio.Event = field(factory=asyncio.Event)
    leave: Callable[[], None] = field(default=lambda: None)
    stop_reading: Callable[[], None] = field(default=lambda: None)
    go_on: Callable[[], None] = field(default=lambda: None)

    @property
    def body(self) -> bytes:
        """All pieces so far."""
        return b"".join(self.pieces)

    @property
    def error(self) -> dict:
        """The error of an error document."""
        return json.loads(self.body)["error"]

    async def until(self, condition: Callable[[], bool]) -> Call:
        """Return when *condition* holds."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                assert not self.over.is_set(), f"over before that: {self}"
                self.news.clear()
                await self.news.wait()
        return self

    async def opened(self) -> Call:
        """Return when the head is there."""
        return await self.until(lambda: self.status > 0)

    async def holds(self, data: bytes) -> Call:
        """Return when *data* has come."""
        return await self.until(lambda: data in self.body)

    async def ended(self) -> Call:
        """Return when nothing more will come."""
        async with asyncio.timeout(DEADLINE_S):
            await self.over.wait()
        return self


class WireCall(asyncio.Protocol):
    """A client's connection, for one call."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.parser = httptools.HttpResponseParser(self)
        self.chunks: list[bytes] | None = None

    def connection_made(self, transport):
        self.transport = transport
        self.call.leave = transport.close
        self.call.stop_reading = transport.pause_reading
        self.call.go_on = transport.resume_reading

    def data_received(self, data):
        self.parser.feed_data(data)
        self.call.news.set()

    def on_header(self, name, value):
        self.call.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self):
        self.call.status = self.parser.get_status_code()

    def on_chunk_header(self):
        self.chunks = []

    def on_body(self, body):
        if self.chunks is None:
            self.call.pieces.append(body)
        else:
            self.chunks.append(body)

    def on_chunk_complete(self):
        if self.chunks:
            self.call.pieces.append(b"".join(self.chunks))
        self.chunks = None

    def on_message_complete(self):
        self.call.is_whole = True
        self.call.over.set()
        self.transport.close()

    def connection_lost(self, exc):
        self.call.over.set()
        self.call.news.set()


@define(eq=False)
class Front:
    """A server in this process, entered by one of two doors."""

    plane: str
    house: House
    app: object
    address: tuple[str, int]
    tasks: set[asyncio.Task[None]] = field(factory=set)

    @property
    def servers(self):
        """Its registered servers."""
        return self.house.endpoints.registry.snapshot.endpoints

    async def open(self, body: bytes, path: str = CHAT, headers: dict[str, str] | None = None, **options: object) -> Call:
        """Send a request; return as soon as it is sent."""
        call = Call()
        if self.plane == "asgi":
            gone, reads = asyncio.Event(), asyncio.Event()
            reads.set()
            call.leave, call.stop_reading, call.go_on = gone.set, reads.clear, reads.set
            task = asyncio.create_task(self._asgi(call, body, path, headers or {}, gone, reads))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            return call
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        connected = socket.socket()
        connected.setblocking(False)
        if options.get("small"):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connected, self.address)
        transport, _ = await loop.create_connection(lambda: WireCall(call), sock=connected)
        head = f"POST {path} HTTP/1.1\r\nhost: here\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
        transport.write(head.encode() + body)
        return call

    async def post(self, body: bytes, path: str = CHAT, headers: dict[str, str] | None = None) -> Call:
        """Send a request and return the whole answer."""
        return await (await self.open(body, path, headers)).ended()

    async def _asgi(self, call, body, path, headers, gone, reads) -> None:
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            if messages:
                return messages.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            await reads.wait()
            if message["type"] == "http.response.start":
                call.status = message["status"]
                call.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                if message["body"]:
                    call.pieces.append(message["body"])
                call.is_whole = not message.get("more_body", False)
            call.news.set()

        scope = {
            "type": "http",
            "method": "POST",
            "path": path.partition("?")[0],
            "query_string": path.partition("?")[2].encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
        try:
            await self.app(scope, receive, send)
        finally:
            call.over.set()
            call.news.set()

    async def idle(self) -> None:
        """Return when no call runs any more, and check that none holds anything."""
        async with asyncio.timeout(DEADLINE_S):
            while self.house.pipeline.running.count or self.tasks:  # noqa: ASYNC110  # nothing tells a test when the last call ends
                await asyncio.sleep(0.01)
            while any(server.pool.open_count > server.pool.idle_count for server in self.servers):  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.01)  # uvloop tells a protocol of its end a turn late
        assert [0] * len(self.servers) == [server.in_flight for server in self.servers]
        assert 0 == self.house.pipeline.acquire.dropped_count


class Records(list[Record]):
    """A feedback that keeps what it is told."""

    def on_end(self, record: Record) -> None:
        """Keep it."""
        self.append(record)


def records_of(front) -> Records:
    """Return what is recorded from now on."""
    records = Records()
    front.house.pipeline.record._feedbacks = {"test": records}
    return records


def measured(front: Front, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of one family of metrics, by their labels."""
    (family,) = [each for each in front.house._metrics.collect() if each.name == name]
    return {sample.labels: sample.value for sample in family.samples}


def toml_of(*urls: str, models: str | list[str] = '["m"]', extra: str = "", tail: str = "", plugin: str = "") -> str:
    """Return settings with one endpoint for each URL: e0, e1 and so on; *models* of all, or of each; *plugin* = one more."""
    each = models if isinstance(models, list) else [models] * len(urls)
    tables = [
        f'[[endpoints]]\nname = "e{n}"\nurl = "{url}"\nmodels = {own}\n{extra}\n'
        for n, (url, own) in enumerate(zip(urls, each, strict=True))
    ]
    base = TOML.replace("admission_fair", f'admission_fair", "{plugin}') if plugin else TOML
    return base + "\n".join([*tables, tail])


def settings_of(folder: Path, toml: str) -> Settings:
    """Write and read settings."""
    folder.mkdir(exist_ok=True)
    (folder / "llmlb.toml").write_text(toml)
    return load_settings(environ={"LLMLB_DATA_DIR": str(folder)})


@asynccontextmanager
async def open_front(plane: str, folder: Path, toml: str) -> AsyncIterator[Front]:
    """Open a house and both its doors; at the end nothing may be in flight."""
    async with open_doors(settings_of(folder, toml)) as doors:
        front = Front(plane, doors.house, doors.app, doors.address)
        yield front
        await front.idle()


@pytest.fixture(params=["wire", "asgi"])
def plane(request) -> str:
    """The door that calls come through."""
    return request.param


@pytest.fixture
async def relay(plane, tmp_path) -> AsyncIterator[Callable[..., object]]:
    """Opens fake upstreams, one for each script, and a server in front of them; at the end nothing may be left."""
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    complaints: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    async with AsyncExitStack() as stack:
        upstreams: list[FakeUpstream] = []

        async def start(
            *scripts,
            extra: str = "",
            models: str | list[str] = '["m"]',
            path: str = "",
            tail: str = "",
            plugin: str = "",
            **options,
        ) -> tuple:
            upstreams.extend([await stack.enter_async_context(FakeUpstream.open(script, **options)) for script in scripts])
            toml = toml_of(*(upstream.url + path for upstream in upstreams), extra=extra, models=models, tail=tail, plugin=plugin)
            front = await stack.enter_async_context(open_front(plane, tmp_path / "data", toml))
            return (front, *upstreams)

        yield start
    async with asyncio.timeout(DEADLINE_S):
        while left := asyncio.all_tasks() - before - {asyncio.current_task()}:
            await asyncio.wait(left)
    gc.collect(1)
    await asyncio.sleep(0)
    assert [] == complaints
