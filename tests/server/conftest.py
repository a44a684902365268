"""A balancer in a process of its own, servers behind it whose every answer a test decides, and what tells how calls went."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from attrs import define, field, frozen
from llmlb_testing.server import LiveServer
from llmlb_testing.upstream import DONE, FakeUpstream, Visit, chunk, completion, delta, plain, sse_head

DEADLINE_S = 40.0


@define(eq=False)
class Node:
    """An OpenAI-compatible server on a real socket.

    Attributes:
        models: What it lists.
        is_well: Whether it lists them.
        is_silent: Whether it answers nothing at all, and keeps whoever asks.
        status: Of calls, where that is not 200.
        answers: Whole answers by method and path, before its own.
        delay_s: How long it thinks before it answers anything.
        gate: While it is closed, calls wait: plain ones for everything, streams for what follows their first event.
        texts: What calls said, in the order in which they came.
        looks: When it was asked for its models, on the clock of ``time.monotonic``.
        running: Calls that are there now.
        most_running: The most that were there at a time.
    """

    upstream: FakeUpstream
    models: list[str]
    is_well: bool = True
    is_silent: bool = False
    status: int = 200
    answers: dict[str, bytes] = field(factory=dict)
    delay_s: float = 0.0
    gate: asyncio.Event = field(factory=asyncio.Event)
    texts: list[str] = field(factory=list)
    looks: list[float] = field(factory=list)
    running: int = 0
    most_running: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.upstream.url

    async def answer(self, visit: Visit) -> None:
        """Answer one request."""
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.is_silent:
            await _left(visit)
        elif (whole := self.answers.get(visit.head.partition(b" HTTP/")[0].decode())) is not None:
            visit.send(whole)
        elif visit.path.endswith("/v1/models"):
            self.looks.append(time.monotonic())
            entries = [{"id": name, "object": "model"} for name in self.models]
            visit.send(plain({"object": "list", "data": entries}) if self.is_well else plain({"error": "down"}, 503))
        elif visit.head.startswith(b"POST ") and visit.path.endswith("/v1/chat/completions"):
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            self.texts.append(visit.json["messages"][-1]["content"])
            try:
                await self._chat(visit)
            finally:
                self.running -= 1
        else:
            visit.send(plain({"error": {"message": "no such page"}}, 404))

    async def _chat(self, visit: Visit) -> None:
        if self.status != 200:
            visit.send(plain({"error": {"message": "too busy"}}, self.status))
        elif visit.json.get("stream"):
            visit.send(sse_head(), chunk(delta("hel")))
            await self._open_gate(visit)
            visit.send(chunk(delta("lo") + DONE), chunk(b""))
        else:
            await self._open_gate(visit)
            visit.send(plain(completion("hello")))

    async def _open_gate(self, visit: Visit) -> None:
        """Return when the gate is open, or whoever asked has left."""
        waits = [asyncio.ensure_future(self.gate.wait()), asyncio.ensure_future(_left(visit))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def _left(visit: Visit) -> None:
    """Return when whoever asked has left, however long that takes."""
    while not visit.is_gone:
        with contextlib.suppress(TimeoutError):
            await visit.gone()


@frozen
class Answer:
    """How one call went.

    Attributes:
        seconds: From its beginning to the end of its answer.
    """

    status: int
    headers: dict[str, str]
    text: str
    seconds: float

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)

    @property
    def error(self) -> str:
        """The code of the error."""
        return self.json["error"]["code"]

    @property
    def server(self) -> str:
        """Who answered."""
        return self.headers.get("x-llmlb-endpoint", "")


@define(eq=False)
class Balancer:
    """A running server, as its clients and its operator see it."""

    live: LiveServer
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: object = None, key: str | None = None) -> Answer:
        """Send one request and read its answer."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        data = None if body is None else json.dumps(body)
        began_at = time.monotonic()
        async with self.http.request(method, path, data=data, headers=headers) as response:
            text = await response.text()
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, found, text, time.monotonic() - began_at)

    async def chat(self, model: str = "m", text: str = "hi", *, key: str | None = None, **members: object) -> Answer:
        """Make one call."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **members}
        return await self.ask("POST", "/v1/chat/completions", body, key)

    async def register(self, node: Node | str, name: str, **members: object) -> str:
        """Register a server and return its id."""
        url = node if isinstance(node, str) else node.url
        answer = await self.ask("POST", "/v0/endpoints", {"name": name, "base_url": url, **members})
        assert 201 == answer.status, answer.text
        return answer.json["id"]

    async def online(self, node: Node | str, name: str, **members: object) -> str:
        """Register a server and return its id when calls can go there."""
        endpoint_id = await self.register(node, name, **members)
        await self.until(endpoint_id, lambda each: each["status"] == "online" and each["model_count"] > 0)
        return endpoint_id

    async def shown(self, endpoint_id: str) -> dict[str, Any]:
        """Return how a server is."""
        return (await self.ask("GET", f"/v0/endpoints/{endpoint_id}")).json

    async def until(self, endpoint_id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return how a server is when *condition* holds of it."""
        return await eventually(lambda: self.shown(endpoint_id), condition)

    async def waiting(self, count: int) -> dict[str, Any]:
        """Return the figures of the queue when *count* calls wait."""

        async def stats() -> dict[str, Any]:
            return (await self.ask("GET", "/v0/queue/stats")).json

        return await eventually(stats, lambda each: each["waiting_count"] == count)


async def eventually(look: Callable[[], Any], condition: Callable[[Any], bool]) -> Any:
    """Return what *look* sees when *condition* holds of it."""
    seen = None
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                seen = await look()
                if condition(seen):
                    return seen
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"it never was so: {seen}") from None


@asynccontextmanager
async def opened(live: LiveServer) -> AsyncIterator[Balancer]:
    """Call a running server."""
    async with aiohttp.ClientSession(
        live.url,
        headers={"authorization": f"Bearer {live.key}", "content-type": "application/json"},
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(60),
    ) as http:
        yield Balancer(live, http)


@pytest.fixture
def call() -> Callable[[LiveServer], Any]:
    """The function that opens a ``Balancer`` on a running server."""
    return opened


@pytest.fixture
async def balancer(live: LiveServer) -> AsyncIterator[Balancer]:
    """The server ``live`` of a test's own file, called; each test's own models keep it apart from the others."""
    async with opened(live) as balancer:
        yield balancer


@pytest.fixture
async def new_node() -> AsyncIterator[Callable[..., Any]]:
    """A function that runs a further node until the test ends; it has the model ``m`` unless told otherwise, and an open gate."""

    async def nothing(_visit: Visit) -> None:
        raise AssertionError

    async with AsyncExitStack() as stack:

        async def run(*models: str, **members: Any) -> Node:
            upstream = await stack.enter_async_context(FakeUpstream.open(nothing))
            node = Node(upstream, [*models] or ["m"], **members)
            node.gate.set()
            upstream.script = node.answer
            return node

        yield run


@pytest.fixture
def until_true() -> Callable[..., Any]:
    """The function that looks again and again until what it sees is right."""
    return eventually
