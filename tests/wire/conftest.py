"""A listening wire in this process: the real plugins, the echo engine in a real worker, Hypercorn behind it, raw clients."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio
from attrs import define, evolve, field
from hypercorn.config import Config
from quart import Quart

from llmlb_core.contracts.auth import Authenticator
from llmlb_core.domain.principals import Credential, Principal
from llmlb_core.errors import Unauthorized
from llmlb_core.house import House
from llmlb_core.settings.load import load_settings
from llmlb_core.stages.authenticate import Authenticate
from llmlb_core.web.app import create_app
from llmlb_core.wire.handover import Handover
from llmlb_core.wire.limits import ClientLimits
from llmlb_core.wire.server import WireServer

DEADLINE_S = 20.0
TOML = """
[auth]
is_disabled = true

[log]
access = false

[server]
max_body_bytes = 100000
body_timeout_s = 0.6

[models.echo]
engine = "echo"

[models.slow]
engine = "echo"
options = { delay_s = 0.02 }

[models.flood]
engine = "echo"
"""
FLOOD = " ".join(["x" * 100_000] * 40)
"""What the model ``flood`` says; not in the settings' text, which would take seconds to read."""


def pytest_asyncio_loop_factories(config, item):
    """Every test runs on uvloop and on the stock event loop."""
    del config, item
    import uvloop

    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


class Keys(Authenticator):
    """Knows one key, ``good``; takes as long as it is told to."""

    name = "keys"

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    def credential(self, headers):
        key = headers.get("authorization")
        return Credential("keys", key) if key else None

    async def verify(self, credential):
        await self.open.wait()
        if credential.secret != "Bearer good":
            raise Unauthorized("no such key")
        return Principal(id="me", name="me", scopes=frozenset({"admin"}))


@define
class Answer:
    """One answer of the wire."""

    status: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def said(self) -> str:
        """What the echo engine said."""
        return self.json["choices"][0]["message"]["content"]


@define
class Client:
    """One raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """Read a head."""
        async with asyncio.timeout(DEADLINE_S):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        return int(lines[0].split()[1]), {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if line)
        }

    async def answer(self, *, is_head: bool = False) -> Answer:
        """Read one answer to its end."""
        status, headers = await self.head()
        async with asyncio.timeout(DEADLINE_S):
            if is_head or status < 200 or status in (204, 304):
                return Answer(status, headers)
            if "content-length" in headers:
                return Answer(status, headers, await self.reader.readexactly(int(headers["content-length"])))
            if headers.get("transfer-encoding") != "chunked":
                return Answer(status, headers, await self.reader.read())
            body = b""
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += await self.reader.readexactly(size)
                assert b"\r\n" == await self.reader.readexactly(2)
            assert b"\r\n" == await self.reader.readexactly(2)
            return Answer(status, headers, body)

    async def call(self, data: bytes) -> Answer:
        """Send one request and read its answer."""
        await self.send(data)
        return await self.answer()

    async def rest(self) -> bytes:
        """Read until the server closes."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.read()

    def reset(self) -> None:
        """Leave without a word."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()


@define
class Front:
    """A listening wire."""

    server: WireServer
    handover: Handover
    house: House
    keys: Keys
    address: tuple[str, int]
    clients: list[Client] = field(factory=list)

    async def connect(self, *, receive_bytes: int = 0) -> Client:
        """Open a connection; with *receive_bytes* its client hears with a small ear."""
        raw = socket.socket()
        if receive_bytes:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        raw.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(raw, self.address)
        except OSError:
            raw.close()
            raise
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(*await asyncio.open_connection(sock=raw, limit=2**16 if receive_bytes else 2**22))
        self.clients.append(client)
        return client

    async def until(self, condition) -> None:
        """Return when *condition* holds."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110  # what it asks has no event
                await asyncio.sleep(0.01)

    async def idle(self) -> None:
        """Return when no call runs any more, and nothing is taken for one."""
        await self.until(lambda: not self.house.pipeline.running.count)
        assert 0 == sum(
            instance.in_flight for instance in [each for _, each in self.house.pipeline.resolve._directory._instances.values()]
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory) -> AsyncIterator[House]:
    """One house for the tests of a file; its models are loaded as they are asked for."""
    folder = tmp_path_factory.mktemp("wire")
    file = folder / "llmlb.toml"
    file.write_text(TOML)
    settings = load_settings(file=file, environ={}, data_dir=folder / "data")
    models = {**settings.models, "flood": evolve(settings.models["flood"], options={"reply": FLOOD})}
    house = House(evolve(settings, models=models))
    async with house.open():
        yield house
    gc.collect()  # an unclosed transport is a warning, and that an error


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(house) -> Quart:
    """What Hypercorn serves."""
    return create_app(house.settings, house=house)


@asynccontextmanager
async def listening(house: House, app: Quart, limits: ClientLimits, *, is_locked: bool) -> AsyncIterator[Front]:
    """Serve *house*; at the end nothing may be left of any connection."""
    keys = Keys()
    config = Config()
    config.include_server_header = False
    handover = Handover(app, config)
    pipeline = evolve(house.pipeline, authenticate=Authenticate((keys,)) if is_locked else house.pipeline.authenticate)
    server = WireServer(pipeline, house.host.registry.dialects, handover, limits)
    # The protocol is named, as the real listener's is: else asyncio leaves Nagle's algorithm on, and small writes wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    await server.start(listener)
    front = Front(server, handover, house, keys, listener.getsockname())
    try:
        yield front
        for client in front.clients:
            client.writer.close()
        await front.until(lambda: not server.connections and not handover.lent_count)
        await front.idle()
    finally:
        server.stop_accepting()
        await server.stop(1)
        listener.close()
        for client in front.clients:
            # One that was closed while it still wrote has forgotten its loop when it is done, and cannot be aborted.
            with contextlib.suppress(AttributeError):
                client.writer.transport.abort()
    assert set() == server.connections
    assert [] == [task for task in asyncio.all_tasks() if "Pipeline.serve" in repr(task)]


@pytest_asyncio.fixture(loop_scope="module")
async def front(house, app, request) -> AsyncIterator[Front]:
    """A wire that serves the file's house; ``indirect`` parameters are its limits, or ``locked`` where its calls need a key."""
    param = getattr(request, "param", None)
    limits = param if isinstance(param, ClientLimits) else ClientLimits()
    async with listening(house, app, limits, is_locked=param == "locked") as front:
        yield front
