"""WebSockets, HTTP/2 and TLS over lent connections."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct

import pytest
from attrs import define, field
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Request, TextMessage

from llmlb_core.settings.sections import ServerSettings, Settings, TlsSettings
from llmlb_core.wire.tls import server_context

DEADLINE_S = 10.0
HOST = "localhost"


@pytest.fixture
def tls(authority, tmp_path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What ``[server.tls]`` makes, and a client that trusts it."""
    certificate = authority.issue_cert(HOST)
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(tmp_path / "cert.pem"), append=True)
    files = TlsSettings(tmp_path / "cert.pem", tmp_path / "key.pem")
    client = ssl.create_default_context()
    authority.configure_trust(client)
    server = server_context(Settings(data_dir=tmp_path, server=ServerSettings(tls=files)))
    assert server is not None
    return server, client


@define
class Http2:
    """An HTTP/2 client on one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    h2: H2Connection = field(factory=H2Connection)
    statuses: dict[int, int] = field(factory=dict)
    bodies: dict[int, bytearray] = field(factory=dict)
    ended: set[int] = field(factory=set)
    resets: dict[int, int] = field(factory=dict)

    def start(self, method: str, path: str, *, has_body: bool = False) -> int:
        """Send the head of a request."""
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":path", path), (":authority", HOST), (":scheme", "http")]
        self.h2.send_headers(stream, head, end_stream=not has_body)
        self.flush()
        return stream

    async def send_body(self, stream: int, data: bytes) -> None:
        """Send *data* as flow control lets it, and end the request; stop where the server says that it is enough."""
        async with asyncio.timeout(DEADLINE_S):
            while data and stream not in self.resets:
                size = min(len(data), 10_000, self.h2.local_flow_control_window(stream))
                if size:
                    self.h2.send_data(stream, data[:size], end_stream=size == len(data))
                    data = data[size:]
                    self.flush()
                else:
                    await self.receive()

    def flush(self) -> None:
        """Send what h2 has for the server."""
        self.writer.write(self.h2.data_to_send())

    async def until_ended(self, *streams: int) -> list[tuple[int, bytes]]:
        """Read until all *streams* are answered; return the answers."""
        async with asyncio.timeout(DEADLINE_S):
            while not self.ended.issuperset(streams):
                await self.receive()
        return [(self.statuses[stream], self.bodies.get(stream, b"")) for stream in streams]

    async def receive(self) -> None:
        """Read once."""
        data = await self.reader.read(65536)
        assert data, "the server closed the connection"
        for event in self.h2.receive_data(data):
            if isinstance(event, ResponseReceived):
                self.statuses[event.stream_id] = int(dict(event.headers)[b":status"])
            elif isinstance(event, DataReceived):
                self.bodies.setdefault(event.stream_id, bytearray()).extend(event.data)
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, StreamReset):
                self.resets[event.stream_id] = event.error_code
        self.flush()

    async def close(self) -> None:
        """Leave as one should."""
        self.h2.close_connection()
        self.flush()
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            return


async def open_http2(front) -> Http2:
    """Connect with the preface."""
    tls = front.tls
    if tls:
        tls.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(*front.address, ssl=tls, server_hostname=HOST if tls else None)
    client = Http2(reader, writer)
    client.h2.initiate_connection()
    client.flush()
    return client


@pytest.fixture(params=["prior knowledge", "ALPN"])
async def http2(request, listen, tls) -> Http2:
    """A client of each way into HTTP/2."""
    front = await listen(*tls) if request.param == "ALPN" else await listen()
    return await open_http2(front)


async def test_http2_requests_run_side_by_side(http2, pages):
    """A slow one holds up no other."""
    slow = http2.start("GET", "/late")
    fast = [http2.start("GET", "/echo") for _ in range(20)]

    assert [(200, b"cold")] * 20 == await http2.until_ended(*fast)
    pages.answer.set()
    assert [(200, b"late")] == await http2.until_ended(slow)
    await http2.close()


async def test_a_large_answer_comes_over_http2(http2):
    """32 MiB, under flow control."""
    stream = http2.start("GET", "/big")

    [(status, body)] = await http2.until_ended(stream)

    assert (200, 512 * 65536) == (status, len(body))
    await http2.close()


async def test_http2_survives_an_answer_before_the_body(http2):
    """What arrives later is thrown away, the client is told to stop, and other requests on the connection are served."""
    refused = http2.start("POST", "/early", has_body=True)
    answers = await http2.until_ended(refused)

    for _ in range(3):
        if http2.resets:
            break
        http2.h2.send_data(refused, b"x" * 1000)
        http2.flush()
        other = http2.start("GET", "/echo")
        answers += await http2.until_ended(other)

    assert [(413, b"early"), (200, b"cold")] == answers[:2]
    assert {refused: 0} == http2.resets
    await http2.close()


async def test_http2_takes_a_body_that_was_sent_with_its_request(http2):
    """Also where the application answers without having read it."""
    answers = []
    for path in ("/early", "/echo") * 5:
        stream = http2.start("POST", path, has_body=True)
        await http2.send_body(stream, b"x" * 50_000)
        answers += await http2.until_ended(stream)

    assert [(413, b"early"), (200, b"cold" + b"x" * 50_000)] * 5 == answers
    await http2.close()


async def test_an_http2_client_that_leaves_ends_its_applications(http2, pages):
    """All of them hear of it."""
    http2.start("GET", "/late")
    async with asyncio.timeout(DEADLINE_S):
        await pages.entered.wait()

    http2.writer.transport.abort()

    async with asyncio.timeout(DEADLINE_S):
        await pages.left.wait()


async def test_garbage_after_the_preface_closes_the_connection(http2):
    """Also a frame that says it is larger than frames may be: it is not waited for."""
    http2.writer.write(b"\xff" * 20_000)

    async with asyncio.timeout(DEADLINE_S):
        await http2.reader.read()
    http2.writer.close()

    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await http2.writer.wait_closed()


async def test_an_idle_http2_connection_ends_with_the_server(listen):
    """At once, not at the end of the grace."""
    front = await listen()
    client = await open_http2(front)
    await client.until_ended(client.start("GET", "/echo"))

    async with asyncio.timeout(DEADLINE_S):
        await front.handover.stop(10 * DEADLINE_S)

    assert 0 == front.handover.lent_count
    await client.close()


async def test_connections_over_tls_come_home(listen, tls):
    """HTTP/1.1 over TLS is lent and given back like plain HTTP/1.1."""
    front = await listen(*tls)
    client = await front.connect()

    for head in ("GET /echo", "POST /hot", "PUT /echo", "POST /hot"):
        await client.send(head, b"x" * 500_000 if head.startswith("PUT") else b"")
    answers = [await client.answer() for _ in range(4)]
    answers += [await client.call("POST /hot" if number % 2 else "GET /echo") for number in range(100)]
    status, body = await client.call("GET /big")

    cold, hot = (200, b"cold"), (200, b"hot")
    assert [cold, hot, (200, b"cold" + b"x" * 500_000), hot] + [cold, hot] * 50 == answers
    assert (200, 512 * 65536) == (status, len(body))
    await client.close()


async def test_a_tls_client_that_leaves_is_noticed(listen, tls, pages):
    """TLS has no halves: its end is the end."""
    front = await listen(*tls)
    client = await front.connect()
    await client.send("GET /late")
    await pages.entered.wait()

    client.writer.close()

    async with asyncio.timeout(DEADLINE_S):
        await pages.left.wait()
    await client.close()


class WebSocket:
    """A WebSocket client."""

    def __init__(self, client) -> None:
        self.client = client
        self.connection = WSConnection(ConnectionType.CLIENT)
        self.events = iter(())

    def send(self, event) -> None:
        """Send one event."""
        self.client.writer.write(self.connection.send(event))

    async def receive(self):
        """Return the next event."""
        async with asyncio.timeout(DEADLINE_S):
            while (event := next(self.events, None)) is None:
                self.connection.receive_data(await self.client.reader.read(65536) or None)
                self.events = self.connection.events()
        return event


@pytest.mark.parametrize("is_tls", [False, True])
async def test_a_websocket_stays_with_hypercorn(listen, tls, is_tls):
    """Messages go both ways until one side closes."""
    front = await listen(*tls) if is_tls else await listen()
    client = await front.connect()
    await client.call("GET /echo")
    ws = WebSocket(client)

    ws.send(Request(host=HOST, target="/ws"))
    accepted = await ws.receive()
    ws.send(TextMessage("hello"))
    ws.send(BytesMessage(b"\x00" * 100_000))
    text, data = await ws.receive(), await ws.receive()
    while not data.message_finished:
        more = await ws.receive()
        data = BytesMessage(bytes(data.data) + bytes(more.data), message_finished=more.message_finished)
    ws.send(CloseConnection(1000))
    closed = await ws.receive()

    assert isinstance(accepted, AcceptConnection)
    assert ("hello", b"\x00" * 100_000) == (text.data, bytes(data.data))
    assert isinstance(closed, CloseConnection)
    assert b"" == await client.end()
    assert 1 == front.connections[0].home_count
    await client.close()


async def test_a_websocket_ends_with_the_server(front):
    """After the grace."""
    client = await front.connect()
    ws = WebSocket(client)
    ws.send(Request(host=HOST, target="/ws"))
    await ws.receive()

    await front.handover.stop(0.05)

    assert 0 == front.handover.lent_count
    await client.close()


async def test_a_websocket_without_a_page_is_refused(front):
    """With 404, and closed."""
    client = await front.connect()
    client.writer.write(WSConnection(ConnectionType.CLIENT).send(Request(host=HOST, target="/nothing")))

    text = await client.end()

    assert struct.unpack("12s", text[:12]) == (b"HTTP/1.1 404",)
    await client.close()
