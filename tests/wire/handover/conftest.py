"""A stand-in for the wire, on real sockets: it answers ``POST /hot`` itself and lends every other request."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Callable

import pytest
import trustme
from attrs import define, field
from hypercorn.config import Config
from quart import Quart, request, websocket

from llmlb_core.wire.handover import HTTP2_PREFACE, Handover

DEADLINE_S = 10.0


def pytest_asyncio_loop_factories(config, item):
    """Every test runs on uvloop and on the stock event loop."""
    del config, item
    import uvloop

    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


class Hot(asyncio.Protocol):
    """One connection of the stand-in."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.buffer = b""
        self.hot_count = 0
        self.home_count = 0
        self.lost_count = 0
        self.is_eof = False
        self.pauses: list[bool] = []
        front.connections.append(self)

    def connection_made(self, transport):
        self.transport = transport
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self.front.handover.lend(transport, b"", self.come_home, http2=True)

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            if self.buffer.startswith(b"POST /hot"):
                self.buffer = self.buffer.partition(b"\r\n\r\n")[2]
                self.hot_count += 1
                self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhot")
                continue
            data, self.buffer = self.buffer, b""
            self.front.handover.lend(self.transport, data, self.come_home, http2=data.startswith(HTTP2_PREFACE))
            return

    def come_home(self, transport, data):
        self.home_count += 1
        transport.set_protocol(self)
        self.front.home.set()
        if data:
            self.data_received(data)

    def eof_received(self):
        self.is_eof = True

    def pause_writing(self):
        self.pauses.append(True)

    def resume_writing(self):
        self.pauses.append(False)

    def connection_lost(self, exc):
        self.lost_count += 1
        self.front.lost.set()


@define(eq=False)
class Front:
    """A listening stand-in."""

    handover: Handover
    address: tuple[str, int] = ("", 0)
    tls: ssl.SSLContext | None = None
    connections: list[Hot] = field(factory=list)
    home: asyncio.Event = field(factory=asyncio.Event)
    lost: asyncio.Event = field(factory=asyncio.Event)

    async def connect(self) -> Client:
        """Open a connection."""
        reader, writer = await asyncio.open_connection(
            *self.address, ssl=self.tls, server_hostname="localhost" if self.tls else None
        )
        return Client(reader, writer)


@define
class Client:
    """One connection of a client."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def call(self, head: str, body: bytes = b"", headers: str = "") -> tuple[int, bytes]:
        """Send one request and read its answer."""
        await self.send(head, body, headers)
        return await self.answer(is_head=head.startswith("HEAD"))

    async def send(self, head: str, body: bytes = b"", headers: str = "") -> None:
        """Send one request with its length."""
        length = f"content-length: {len(body)}\r\n" if body else ""
        self.writer.write(f"{head} HTTP/1.1\r\nhost: localhost\r\n{length}{headers}\r\n".encode() + body)
        await self.writer.drain()

    async def answer(self, *, is_head: bool = False) -> tuple[int, bytes]:
        """Read one answer."""
        async with asyncio.timeout(DEADLINE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
            status = int(head[0].split()[1])
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            if is_head or status in (204, 304) or status < 200:
                return status, b""
            if "content-length" in headers:
                return status, await self.reader.readexactly(int(headers["content-length"]))
            if headers.get("transfer-encoding") != "chunked":
                return status, await self.reader.read()
            pieces = []
            while size := int(await self.reader.readline(), 16):
                pieces.append(await self.reader.readexactly(size))
                await self.reader.readexactly(2)
            await self.reader.readexactly(2)
            return status, b"".join(pieces)

    async def end(self) -> bytes:
        """Read until the server closes."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.read()

    async def close(self) -> None:
        """Leave."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            return


class Pages:
    """What Hypercorn serves: Quart, and some applications that behave worse than Quart's."""

    def __init__(self) -> None:
        self.quart = quart = Quart("pages")
        self.answer = asyncio.Event()
        self.entered = asyncio.Event()
        self.left = asyncio.Event()

        @quart.route("/echo", methods=["GET", "POST", "PUT"])
        async def echo():
            return b"cold" + await request.get_data()

        @quart.get("/status/<int:status>")
        async def status(status):
            return "", status

        @quart.websocket("/ws")
        async def ws():
            while True:
                await websocket.send(await websocket.receive())

    async def __call__(self, scope, receive, send):
        """Serve one request."""
        misbehave = getattr(self, scope["path"].strip("/").replace("-", "_"), None)
        await (misbehave or self.quart)(scope, receive, send)

    async def start(self, send, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
        """Send a head."""
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def early(self, scope, receive, send) -> None:
        """Answer before the body is read, and never read it."""
        await self.start(send, 413, (b"content-length", b"5"))
        await send({"type": "http.response.body", "body": b"early"})

    async def big(self, scope, receive, send) -> None:
        """Send 32 MiB."""
        await self.start(send)
        for number in range(512):
            await send({"type": "http.response.body", "body": bytes([number % 256]) * 65536, "more_body": True})
        await send({"type": "http.response.body"})

    async def late(self, scope, receive, send) -> None:
        """Answer when the test says so, or note that the client left."""
        self.entered.set()
        while (await receive()).get("more_body"):
            pass
        waits = [asyncio.ensure_future(self.answer.wait()), asyncio.ensure_future(receive())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.answer.is_set():
            await self.start(send, 200, (b"content-length", b"4"))
            await send({"type": "http.response.body", "body": b"late"})
        else:
            self.left.set()

    async def deaf(self, scope, receive, send) -> None:
        """Write for ever, and never look whether somebody reads."""
        await self.start(send)
        self.entered.set()
        try:
            while not self.answer.is_set():
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        finally:
            self.left.set()

    async def raising(self, scope, receive, send) -> None:
        """Raise before the answer."""
        raise RuntimeError("before the answer")

    async def raising_late(self, scope, receive, send) -> None:
        """Raise in the middle of the answer."""
        await self.start(send, 200, (b"content-length", b"10"))
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("in the answer")

    async def lingering(self, scope, receive, send) -> None:
        """Go on after the answer is sent."""
        await self.start(send, 200, (b"content-length", b"2"))
        await send({"type": "http.response.body", "body": b"ok"})
        await self.answer.wait()


@pytest.fixture
def pages() -> Pages:
    """The application."""
    return Pages()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Signs certificates."""
    return trustme.CA()


@pytest.fixture
async def listen(pages) -> AsyncIterator[Callable[..., object]]:
    """Makes a front listen; at the end nothing may be left of any."""
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    complaints: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    fronts: list[tuple[Front, asyncio.Server]] = []

    async def start(server_tls: ssl.SSLContext | None = None, client_tls: ssl.SSLContext | None = None) -> Front:
        config = Config()
        config.accesslog = config.errorlog = None
        config.keep_alive_timeout = 60.0
        front = Front(Handover(pages, config), tls=client_tls)
        await front.handover.start()
        server = await loop.create_server(lambda: Hot(front), "127.0.0.1", 0, ssl=server_tls)
        front.address = server.sockets[0].getsockname()
        fronts.append((front, server))
        return front

    yield start

    for front, server in fronts:
        await front.handover.stop(0.1)
        server.close()
        assert 0 == front.handover.lent_count
        for hot in front.connections:
            if not hot.lost_count:
                hot.transport.abort()
        async with asyncio.timeout(DEADLINE_S):
            while not all(hot.lost_count for hot in front.connections):
                front.lost.clear()
                await front.lost.wait()
        assert {1} >= {hot.lost_count for hot in front.connections}
    async with asyncio.timeout(DEADLINE_S):
        while left := asyncio.all_tasks() - before - {asyncio.current_task()}:
            await asyncio.wait(left)
    gc.collect()
    await asyncio.sleep(0)
    assert [] == complaints


@pytest.fixture
async def front(listen) -> Front:
    """A front without TLS."""
    return await listen()
