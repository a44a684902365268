"""Sound, a server in this process with a scripted one behind it, and clients of its websocket."""

from __future__ import annotations

import array
import asyncio
import base64
import contextlib
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from attrs import define, field
from llmlb_testing.doors import Doors, open_doors
from llmlb_testing.upstream import FakeUpstream, Visit, chunk, sse_head
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from llmlb_core.settings.load import load_settings

RATE_HZ = 24_000
DEADLINE_S = 20.0
TOML = """
[log]
access = false

[plugins]
enabled = ["dialect_openai", "router_auto", "admission_fair", "api_realtime"]

[health]
interval_s = 0
"""
NOBODY_IS_ASKED = "[auth]\nis_disabled = true\n"


def tone(seconds: float, loudness: float = 0.3, rate_hz: int = RATE_HZ) -> bytes:
    """Return a hum as PCM."""
    step = 2 * math.pi * 220 / rate_hz
    return array.array("h", [int(32767 * loudness * math.sin(step * at)) for at in range(int(seconds * rate_hz))]).tobytes()


def silence(seconds: float, rate_hz: int = RATE_HZ) -> bytes:
    """Return nothing to hear as PCM."""
    return bytes(2 * int(seconds * rate_hz))


@define(eq=False)
class Client:
    """One client's websocket.

    Attributes:
        events: All that came, in order.
    """

    socket: ClientConnection
    events: list[dict] = field(factory=list)

    async def say(self, kind: str, **members: object) -> None:
        """Send an event."""
        await self.socket.send(json.dumps({"type": kind, **members}))

    async def append(self, pcm: bytes, piece: int = 48_000) -> None:
        """Send sound, a second an event."""
        for at in range(0, len(pcm), piece):
            await self.say("input_audio_buffer.append", audio=base64.b64encode(pcm[at : at + piece]).decode())

    async def manual(self) -> None:
        """Say that the client commits."""
        await self.say("session.update", session={"type": "transcription", "audio": {"input": {"turn_detection": None}}})
        await self.until("session.updated")

    async def next(self) -> dict:
        """Return the next event."""
        async with asyncio.timeout(DEADLINE_S):
            event = json.loads(await self.socket.recv())
        self.events.append(event)
        return event

    async def until(self, kind: str) -> dict:
        """Return the next event of *kind*, or whose kind ends so."""
        while True:
            event = await self.next()
            if event["type"].endswith(kind):
                return event

    async def error(self) -> dict:
        """Return the error of the next event of that kind."""
        return (await self.until("error"))["error"]

    async def closed(self) -> tuple[int, str]:
        """Return the code and the reason of the end."""
        async with asyncio.timeout(DEADLINE_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    self.events.append(json.loads(await self.socket.recv()))
        return self.socket.close_code, self.socket.close_reason

    def kinds(self) -> list[str]:
        """Return the kinds of all events, without what most begin with."""
        return [
            event["type"].removeprefix("conversation.item.input_audio_").removeprefix("input_audio_buffer.")
            for event in self.events
        ]


@define(eq=False)
class Server:
    """A server in this process."""

    doors: Doors
    upstream: FakeUpstream
    stack: AsyncExitStack

    async def open(self, query: str = "?intent=transcription&model=whisper-1", **options: object) -> Client:
        """Open a session and return it after its first event."""
        socket = await self.stack.enter_async_context(connect(f"ws{self.doors.url[4:]}/v1/realtime{query}", **options))
        client = Client(socket)
        assert (await client.next())["type"] in {"session.created", "transcription_session.created"}
        return client


def said(text: str) -> Callable:
    """Return a script that answers with *text*, word by word."""

    async def answer(visit: Visit) -> None:
        words = [word if not at else f" {word}" for at, word in enumerate(text.split())]
        told = [{"type": "transcript.text.delta", "delta": word} for word in words]
        told.append({"type": "transcript.text.done", "text": text, "usage": {"type": "duration", "seconds": 1}})
        visit.send(sse_head(), *(chunk(b"data: " + json.dumps(each).encode() + b"\n\n") for each in told), chunk(b""))

    return answer


@pytest.fixture
async def serve(tmp_path) -> AsyncIterator[Callable]:
    """Starts a server in front of one that answers by a script."""
    async with AsyncExitStack() as outer:

        async def start(script: Callable, settings: str = "", extra: str = NOBODY_IS_ASKED) -> Server:
            upstream = await outer.enter_async_context(FakeUpstream.open(script))
            endpoint = f'[[endpoints]]\nname = "e"\nurl = "{upstream.url}"\nmodels = ["whisper-1", "gpt-4"]\n'
            tmp_path.joinpath("llmlb.toml").write_text(f"{TOML}{extra}\n[plugins.api_realtime]\n{settings}\n{endpoint}")
            doors = await outer.enter_async_context(open_doors(load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})))
            stack = await outer.enter_async_context(AsyncExitStack())
            return Server(doors, upstream, stack)

        yield start


@pytest.fixture(name="said")
def said_fixture() -> Callable:
    """The function ``said``."""
    return said


@pytest.fixture(name="tone")
def tone_fixture() -> Callable:
    """The function ``tone``."""
    return tone


@pytest.fixture(name="silence")
def silence_fixture() -> Callable:
    """The function ``silence``."""
    return silence


@pytest.fixture
def client_class() -> type[Client]:
    """For servers that are elsewhere."""
    return Client
