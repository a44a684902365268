"""Clients that leave, by every door of one server in this process, and what is left of their calls."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import define, evolve, field
from h2.connection import H2Connection
from h2.events import DataReceived
from llmlb_testing.upstream import FakeUpstream, Visit, chunk, delta, sse_head

from llmlb_core import Record
from tests.upstream.conftest import CHAT, Front, open_front

DEADLINE_S = 15.0
LONG = "word " * 4000
"""The echo engine would say it for two minutes."""
TOML = """
[auth]
is_disabled = true

[log]
access = false

[health]
interval_s = 0

[plugins]
enabled = ["dialect_openai", "router_auto", "admission_fair", "engine_echo"]

[models.local]
engine = "echo"
options = { delay_s = 0.03, max_concurrency = 1 }

[models.local-late]
engine = "echo"
options = { first_delay_s = 600, max_concurrency = 1 }

[[endpoints]]
name = "far"
url = "URL"
models = ["far", "far-late"]
max_in_flight = 1
"""


@define
class Guest:
    """One call of a client that will leave.

    Attributes:
        came: What it got so far of the answer's body.
        leave: Does so, in the way of its door.
    """

    leave: Callable[[], None]
    came: bytearray = field(factory=bytearray)
    news: asyncio.Event = field(factory=asyncio.Event)

    def take(self, data: bytes) -> None:
        """Note a piece of the answer."""
        self.came += data
        self.news.set()

    async def has_content(self) -> None:
        """Return when text has come."""
        async with asyncio.timeout(DEADLINE_S):
            while b'"content":"' not in self.came.replace(b'": "', b'":"').replace(b'"content":""', b""):
                self.news.clear()
                await self.news.wait()


class Records(list[Record]):
    """A feedback that keeps what it is told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.news = asyncio.Event()

    def on_end(self, record: Record) -> None:
        """Keep it."""
        self.append(record)
        self.news.set()

    async def next(self) -> Record:
        """Return the next record and forget it."""
        while not self:
            self.news.clear()
            await self.news.wait()
        return self.pop(0)


@define(eq=False)
class Scene:
    """A server, a fake one behind it, and the records of its calls."""

    front: Front
    upstream: FakeUpstream
    records: Records = field(factory=Records)
    lines: list[asyncio.Transport] = field(factory=list)

    def hang_up(self) -> None:
        """Close what clients left open: a half, or a connection without its stream."""
        for line in self.lines:
            line.abort()
        self.lines.clear()

    def running(self) -> tuple[int, int, int]:
        """Return how many calls run in the pipeline, hold a slot of the server behind, and are generated in workers."""
        house = self.front.house
        generated = sum(each.running_count for each in house.supervisor.snapshots())
        return house.pipeline.running.count, sum(each.in_flight for each in self.front.servers), generated

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when *condition* holds: no event tells of all that it may look at."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.005)

    def visits(self) -> list[Visit]:
        """Return the calls at the server behind whose connections are open."""
        return [visit for visit in self.upstream.visits if not visit.is_gone]


async def answer(visit: Visit) -> None:
    """Say three words as the model ``far`` where a stream is asked for, else nothing, and wait until the connection is closed."""
    if visit.json.get("stream") and visit.json["model"] == "far":
        visit.send(sse_head(), *(chunk(delta(word)) for word in ("one ", "two ", "three ")))
    await visit.gone()


@asynccontextmanager
async def open_scene(folder: Path) -> AsyncIterator[Scene]:
    """Open both servers."""
    async with FakeUpstream.open(answer) as upstream, open_front("wire", folder, TOML.replace("URL", upstream.url)) as front:
        scene = Scene(front, upstream)
        front.house.pipeline.record._feedbacks = {"test": scene.records}
        yield scene


def body_of(model: str, *, stream: bool) -> bytes:
    """Return the body of a chat."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": LONG}], "stream": stream}).encode()


async def by_asgi(scene: Scene, body: bytes) -> Guest:
    """Call as any ASGI server would; leaving is its disconnect."""
    call = await evolve(scene.front, plane="asgi", tasks=scene.front.tasks).open(body)
    guest = Guest(call.leave)
    call.pieces = Pieces(guest)
    return guest


class Pieces(list[bytes]):
    """The pieces of an answer, handed on to a guest."""

    def __init__(self, guest: Guest) -> None:
        """Tell *guest*."""
        super().__init__()
        self._guest = guest

    def append(self, piece: bytes) -> None:
        """Hand on a piece."""
        super().append(piece)
        self._guest.take(piece)


class Line(asyncio.Protocol):
    """A connection whose bytes are given to *take*."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        """Give them."""
        self._take = take

    def data_received(self, data: bytes) -> None:
        """Hand them on."""
        self._take(data)

    def eof_received(self) -> bool:
        """Keep our half: a client that half-closed waits for what comes."""
        return True


async def _connect(scene: Scene, take: Callable[[bytes], None]) -> asyncio.Transport:
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: Line(take), *scene.front.address)
    scene.lines.append(transport)
    return transport


def _reset(transport: asyncio.Transport) -> None:
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    transport.abort()


_WIRE_LEAVINGS: Mapping[str, Callable[[asyncio.Transport], None]] = {
    "close": lambda transport: transport.close(),
    "half-close": lambda transport: transport.write_eof(),
    "reset": _reset,
}


def by_wire(how: str) -> Callable[[Scene, bytes], Awaitable[Guest]]:
    """Call by HTTP/1.1, and leave as *how* says."""

    async def call(scene: Scene, body: bytes) -> Guest:
        guest = Guest(lambda: _WIRE_LEAVINGS[how](transport))
        transport = await _connect(scene, guest.take)
        transport.write(b"POST %s HTTP/1.1\r\nhost: here\r\ncontent-length: %d\r\n\r\n%s" % (CHAT.encode(), len(body), body))
        return guest

    return call


def by_http2(how: str) -> Callable[[Scene, bytes], Awaitable[Guest]]:
    """Call by HTTP/2; leave by resetting the stream, or by closing the connection."""

    async def call(scene: Scene, body: bytes) -> Guest:
        h2 = H2Connection()

        def take(data: bytes) -> None:
            for event in h2.receive_data(data):
                if isinstance(event, DataReceived):
                    guest.take(event.data)
                    h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            transport.write(h2.data_to_send())

        def leave() -> None:
            if how == "close":
                transport.close()
            else:
                h2.reset_stream(stream, 8)  # CANCEL
                transport.write(h2.data_to_send())

        guest = Guest(leave)
        transport = await _connect(scene, take)
        h2.initiate_connection()
        stream = h2.get_next_available_stream_id()
        h2.send_headers(stream, [(":method", "POST"), (":path", CHAT), (":authority", "here"), (":scheme", "http")])
        for at in range(0, len(body), 10_000):
            h2.send_data(stream, body[at : at + 10_000])
        h2.end_stream(stream)
        transport.write(h2.data_to_send())
        return guest

    return call


DOORS: Mapping[str, Callable[[Scene, bytes], Awaitable[Guest]]] = {
    "wire, closed": by_wire("close"),
    "wire, half-closed": by_wire("half-close"),
    "wire, reset": by_wire("reset"),
    "ASGI": by_asgi,
    "HTTP/2, stream reset": by_http2("reset"),
    "HTTP/2, closed": by_http2("close"),
}
