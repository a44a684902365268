"""Any bytes in any splits: never an exception, never a call that h11 would not have read from the same bytes.

Deliberate differences: where we refuse, h11 may accept. We refuse bare LF, obs-fold, spaces around a chunk's size, unknown or
lower-case methods, a repeated Content-Length, Content-Length beside Transfer-Encoding, Transfer-Encoding in HTTP/1.0, versions
other than 1.0 and 1.1, expectations other than 100-continue, control characters in chunk extensions, more than 256 headers.
Empty lines before a request we ignore, as RFC 9112 2.2 asks; h11 does not. A target in absolute-form is served by its path.
"""

from __future__ import annotations

import asyncio
from itertools import pairwise
from types import SimpleNamespace

import h11
import pytest
from attrs import Factory, define, field
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llmlb_core.errors import CallError
from llmlb_core.upstream.sweep import Sweep
from llmlb_core.wire.client import ClientConnection
from llmlb_core.wire.clock import Clock
from llmlb_core.wire.heads import Heads
from llmlb_core.wire.limits import ClientLimits
from llmlb_core.wire.linger import Linger

MAX_BODY_BYTES = 400
HOT = "/v1/x"


@define
class Request:
    """What a parser made of some bytes."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@define(eq=False)
class Transport:
    """Keeps what is written."""

    loop: asyncio.AbstractEventLoop
    protocol: asyncio.Protocol | None = None
    written: bytes = b""
    closed: bool = False
    reading: bool = True

    def get_extra_info(self, name):
        return {"peername": ("::1", 1, 0, 0)}.get(name)

    def set_protocol(self, protocol):
        self.protocol = protocol

    def write(self, data):
        assert not self.closed
        self.written += data

    def close(self):
        if not self.closed:
            self.closed = True
            self.loop.call_soon(lambda: self.protocol.connection_lost(None))

    abort = close

    def is_closing(self):
        return self.closed

    def can_write_eof(self):
        return True

    def write_eof(self):
        assert not self.closed

    def is_reading(self):
        return self.reading

    def pause_reading(self):
        assert self.reading
        self.reading = False

    def resume_reading(self):
        assert not self.reading
        self.reading = True

    def get_write_buffer_size(self):
        return 0


HEADS = Heads({HOT.encode(): SimpleNamespace()})
"""One for all examples: what was remembered of one must not change how another is read."""


@define(eq=False)
class World:
    """The surroundings of one connection, the pipeline and the lender."""

    loop: asyncio.AbstractEventLoop
    limits: ClientLimits = ClientLimits(head_bytes=2000, pipelined_bytes=3000)
    heads: Heads = HEADS
    clock: Clock = field(factory=Clock)
    connections: set = field(factory=set)
    is_stopping: bool = False
    calls: list[Request] = field(factory=list)
    lent: list[bytes] = field(factory=list)
    max_body_bytes: int = MAX_BODY_BYTES
    sweep: Sweep = field(default=Factory(lambda self: Sweep(self.loop), takes_self=True))

    @property
    def pipeline(self):
        return self

    lender = pipeline

    def lend(self, connection, data, *, http2):
        self.lent.append(data)
        connection.transport.close()

    async def serve(self, head, entry, outlet):
        status = 200
        await asyncio.sleep(0)
        try:
            body = await outlet.body(self.max_body_bytes, 5)
        except CallError as error:
            status = error.status
        else:
            self.calls.append(Request(head.method, head.path + ("?" + head.query if head.query else ""), dict(head.headers), body))
        await asyncio.sleep(0)
        outlet.open(status, [("content-length", "2")])
        outlet.write(b"ok")
        outlet.end()


async def feed(data: bytes, cuts: list[int], **facts) -> tuple[World, Transport]:
    """Send *data*, cut at *cuts*, as the transport of a connection would."""
    loop = asyncio.get_running_loop()
    world = World(loop, **facts)
    transport = Transport(loop)
    connection = ClientConnection(world, loop)
    transport.protocol = connection
    connection.connection_made(transport)
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        for _ in range(200):
            if transport.reading or transport.closed:
                break
            await asyncio.sleep(0)
        if transport.closed:
            break
        assert transport.reading, "nobody reads on"
        transport.protocol.data_received(data[start:end])
        await asyncio.sleep(0)
    for _ in range(200):
        await asyncio.sleep(0)
    protocol = transport.protocol
    is_waiting = isinstance(protocol, Linger) or protocol.call is None or protocol.overdue_at < loop.time() + 60
    assert transport.closed or is_waiting
    transport.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert set() == world.connections
    assert protocol is transport.protocol
    assert isinstance(protocol, Linger) or protocol.call is None
    world.sweep.stop()
    return world, transport


def by_h11(data: bytes) -> list[Request]:
    """Return the requests that h11 reads, up to the first that it rejects or that ends the connection."""
    requests: list[Request] = []
    while data := data.lstrip(b"\r\n"):
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=100_000)
        connection.receive_data(data)
        try:
            event = connection.next_event()
            if not isinstance(event, h11.Request):
                return requests
            headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            request = Request(event.method.decode(), event.target.decode("latin-1"), headers, b"")
            while isinstance(event := connection.next_event(), h11.Data):
                request.body += bytes(event.data)
        except h11.RemoteProtocolError:
            return requests
        if not isinstance(event, h11.EndOfMessage):
            return requests
        requests.append(request)
        if connection.their_state is not h11.DONE:
            return requests
        data = connection.trailing_data[0]
    return requests


def answers(written: bytes) -> list[int]:
    """Return the status of every answer, each read by h11 to its end."""
    statuses: list[int] = []
    while written:
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method="POST", target="/", headers=[("host", "a"), ("content-length", "0")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(written)
        while isinstance(event := connection.next_event(), h11.InformationalResponse):
            assert 100 == event.status_code
        assert isinstance(event, h11.Response)
        statuses.append(event.status_code)
        while isinstance(connection.next_event(), h11.Data):
            pass
        assert connection.their_state in (h11.DONE, h11.MUST_CLOSE)
        written = connection.trailing_data[0]
    return statuses


def oneof(*values: bytes):
    return st.sampled_from(values)


HEADERS = oneof(
    b"Host: a", b"Host: a", b"host:a", b"Host: b", b"X: y", b"X:", b"X: \t", b"X : y", b" X: y", b"X", b": y", b"X: \x00",
    b"X: a\rb", b"X: \xff", b"X: \x7f", b"X\x00: y", b"X: a\n b", b"X: a\r\n b", b"Content-Length: 5", b"Content-Length: 5",
    b"content-length:5", b"Content-Length: 0", b"Content-Length: +5", b"Content-Length: 5, 5", b"Content-Length: 5 ",
    b"Content-Length: 0x5", b"Content-Length: -1", b"Content-Length:", b"Content-Length: \xb2", b"Content-Length : 5",
    b"Content_Length: 5", b"Content-Length: 5\n", b"Content-Length: 99999999999999999999", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: chunked", b"transfer-encoding:Chunked ", b"Transfer-Encoding: gzip", b"Transfer-Encoding:",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding: chunked;q=1", b"Transfer\xadEncoding: chunked",
    b"Transfer-Encoding: identity", b"TE: chunked", b"Connection: close", b"Connection: keep-alive",
    b"Connection: Transfer-Encoding", b"Expect: 100-continue", b"Expect: 200-ok", b"Connection: upgrade\r\nUpgrade: h2c",
)  # fmt: skip
BODIES = oneof(
    b"", b"hello", b"hell", b"hello!", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n",
    b"05;a=b\r\nhello\r\n0\r\nT: 1\r\n\r\n", b"5\nhello\n0\n\n", b"0\r\n\r\n", b"0\r\nX\r\n\r\n", b"-1\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"5;\n\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffffff\r\n", b"1_0\r\n", b"2\r\nhe\r\n3\r\nllo\r\n000\r\n\r\n", b"5\r\nhello\r\n0\r\n X\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"5;\x01\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r0\r\n\r\n", b"0\r\nA : b\r\n\r\n",
    b"0\n\n", b"POST /v1/x HTTP/1.1\r\nHost: a\r\n\r\n",
)  # fmt: skip
LINES = oneof(
    *[b"POST /v1/x HTTP/1.1"] * 20, b"POST /v1/x?a=b HTTP/1.1", b"POST /v1/x HTTP/1.0", b"POST /v1/x HTTP/1.2",
    b"POST /v1/x HTTP/2.0", b"POST /v1/x", b"POST  /v1/x HTTP/1.1", b"POST /v1/x  HTTP/1.1", b"POST /v1/x HTTP/1.1 ",
    b"POST\t/v1/x HTTP/1.1", b"post /v1/x HTTP/1.1", b"POST /v1/x\x00 HTTP/1.1", b"POST /v1/x?\xff HTTP/1.1",
    b"POST /v1/x?\x7f HTTP/1.1", b"GET / HTTP/1.1", b"POST http://a/v1/x HTTP/1.1", b"POST HTTP://a HTTP/1.1",
    b"OPTIONS * HTTP/1.1", b"POST /v1/x HTTP/0.9", b"POST /v1/x RTSP/1.0", b"\r\nPOST /v1/x HTTP/1.1",
    b"\nPOST /v1/x HTTP/1.1", b" POST /v1/x HTTP/1.1", b"POST /v1/x#y HTTP/1.1", b"PRI * HTTP/2.0", b"CONNECT a:1 HTTP/1.1",
    b"\x16\x03\x01", b"POST /v1/x http/1.1", b"POST /v1/x HTTP/1.10", b"POST x://a/v1/x HTTP/1.1",
)  # fmt: skip


@st.composite
def requests(draw):
    """Something like a request: lines that are right or nearly, with now and then a wrong end."""
    end = draw(oneof(*[b"\r\n"] * 12, b"\n", b"\r", b"\r\r\n"))
    lines = [draw(LINES), *draw(st.lists(HEADERS, max_size=5))]
    if draw(st.integers(0, 9)):
        lines.insert(1, b"Host: a")
    return end.join(lines) + draw(oneof(*[b"\r\n\r\n"] * 12, b"\n\n", b"\n\r\n", b"\r\n\n", b"\r\n \r\n", b"\r\n\r")) + draw(BODIES)


@st.composite
def streams(draw):
    """Some requests in a row, with some bytes changed."""
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=4)))
    for at, change in draw(st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=2)), max_size=2)):
        where = at % (len(data) + 1)
        data = data[:where] + change + data[where + draw(st.integers(0, 2)) :]
    return data


RUNNER = asyncio.Runner()
CUTS = st.lists(st.integers(0, 10**6), max_size=12)
HURRY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
"""The profile of a run that everybody waits for; more examples find more: ``--hypothesis-seed`` and patience."""


@pytest.fixture(scope="module", autouse=True)
def runner():
    with RUNNER:
        yield


def check(data: bytes, cuts: list[int]) -> None:
    """Compare what was served with what h11 reads."""
    world, transport = RUNNER.run(feed(data, cuts))
    expected = by_h11(data)
    for at, call in enumerate(world.calls):
        assert at < len(expected), f"call {at + 1} was served, h11 rejects it: {data!r}"
        other = expected[at]
        scheme, _, rest = other.target.partition("://")
        target = "/" + rest.partition("/")[2] if rest and scheme.lower() == "http" else other.target
        framing = {"content-length", "transfer-encoding", "connection", "expect", "upgrade"}  # the bodies show how it was read
        mine = {name: value for name, value in call.headers.items() if name not in framing}
        theirs = {name: value for name, value in other.headers.items() if name not in framing}
        assert (other.method, target, theirs, other.body) == (call.method, call.target, mine, call.body)
    statuses = answers(transport.written)
    assert len(world.calls) == statuses.count(200)
    assert len(statuses) <= len(world.calls) + 4


@HURRY
@given(streams(), CUTS)
@example(b"POST /v1/x HTTP/1.1\r\nHost: a\r\nX:\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n", [])
@example(b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOST /v1/x HTTP/1.1\r\nHost: a\r\n\r\n", [])
def test_what_is_nearly_http_is_read_as_h11_reads_it(data, cuts):
    """What is served was the same request for both; what h11 rejects is never served."""
    check(data, cuts)


@HURRY
@given(
    st.binary(max_size=3000)
    | st.lists(oneof(b"\r\n", b"\r", b"\n", b"POST ", b"/v1/x", b" HTTP/1.1", b":", b"0", b"a")).map(b"".join),
    CUTS,
)
def test_arbitrary_bytes_end_in_an_answer_a_closed_connection_or_waiting(data, cuts):
    """Nothing raises out of ``data_received``; nothing is left behind."""
    check(data, cuts)


@HURRY
@given(st.lists(st.tuples(st.binary(max_size=60), st.sampled_from(["length", "chunks", "bare"])), min_size=1, max_size=8), CUTS)
def test_good_requests_are_all_served_whole_and_in_order(bodies, cuts):
    """Pipelined, cut anywhere, by length or in chunks: what was sent is what was served."""
    data = b""
    expected = []
    for body, framing in bodies:
        head = b"POST /v1/x HTTP/1.1\r\nHost: a\r\n"
        if framing == "length":
            data += head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        elif framing == "chunks":
            chunks = b"".join(
                b"%X;n=%d\r\n%s\r\n" % (len(body[at : at + 9]), at, body[at : at + 9]) for at in range(0, len(body), 9)
            )
            data += head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"
        else:
            data += head + b"\r\n"
        expected.append(b"" if framing == "bare" else body)

    world, transport = RUNNER.run(feed(data, cuts))

    assert expected == [call.body for call in world.calls]
    assert [200] * len(bodies) == answers(transport.written)


@HURRY
@given(streams(), CUTS)
def test_bodies_that_nobody_wants_change_no_decision(data, cuts):
    """Refused before or after it was read, a body is never taken for a request: nothing is served that h11 would not read."""
    world, transport = RUNNER.run(feed(data, cuts, max_body_bytes=3))

    expected = [request.body for request in by_h11(data)]
    served = [call.body for call in world.calls]
    rest = iter(expected)
    assert all(body in rest for body in served)
    assert len(served) == answers(transport.written).count(200)
