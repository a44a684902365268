"""A server that says what a test wants it to say, and applications that have it as an endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from llmlb_testing.asgi import Client, open_app
from llmlb_testing.upstream import DONE, FakeUpstream, Visit, chunk, completion, delta, plain, sse_head

DEADLINE_S = 20.0
TOML = """
[auth]
is_disabled = true

[log]
access = false

[plugins]
enabled = ["dialect_openai", "router_basic", "admission_fair", "endpoint_servers"]

[routing]
router = "least_in_flight"

[health]
interval_s = {interval_s}
timeout_s = 2
"""


@define(eq=False)
class Node:
    """An OpenAI-compatible server.

    Attributes:
        models: What ``GET /v1/models`` lists.
        key: What it wants as a bearer; empty = nothing.
        is_well: Whether it answers questions with more than 503.
        answers: Whole answers by path, instead of its own.
        hold: While it is clear, calls wait.
        paths: What it was asked, in order.
    """

    upstream: FakeUpstream
    models: list[str] = field(factory=lambda: ["m"])
    key: str = ""
    is_well: bool = True
    answers: dict[str, bytes] = field(factory=dict)
    hold: asyncio.Event = field(factory=asyncio.Event)
    paths: list[str] = field(factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.upstream.url

    async def answer(self, visit: Visit) -> None:
        """Answer one request."""
        self.paths.append(visit.path)
        if self.key and visit.headers.get("authorization") != f"Bearer {self.key}":
            visit.send(plain({"error": {"message": "no"}}, 401))
        elif visit.path in self.answers:
            visit.send(self.answers[visit.path])
        elif not self.is_well:
            visit.send(plain({"error": {"message": "down"}}, 503))
        elif visit.path == "/v1/models":
            visit.send(plain({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}))
        elif visit.head.startswith(b"POST /v1/chat/completions "):
            await self._chat(visit)
        else:
            visit.send(plain({"error": {"message": "no such page"}}, 404))

    async def _chat(self, visit: Visit) -> None:
        if visit.json.get("stream"):
            visit.send(sse_head(), chunk(delta("hel")))
            await self.hold.wait()
            visit.send(chunk(delta("lo") + DONE), chunk(b""))
            return
        await self.hold.wait()
        visit.send(plain(completion("hello")))


@asynccontextmanager
async def open_node(**members: Any) -> AsyncIterator[Node]:
    """Run a node."""

    async def nothing(_visit: Visit) -> None:
        raise AssertionError

    async with FakeUpstream.open(nothing) as upstream:
        node = Node(upstream, **members)
        node.hold.set()
        upstream.script = node.answer
        yield node


@define
class Desk:
    """The admin API of an application in this process."""

    client: Client

    async def ask(self, method: str, path: str = "", body: object = None, **headers: str) -> tuple[int, Any]:
        """Return status and JSON of one request under ``/v0/endpoints``."""
        http = self.client.http
        options: dict[str, Any] = {} if body is None else {"data": json.dumps(body)}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await http.open(f"/v0/endpoints{path}", method=method, headers=given, **options)
        data = await response.get_data()
        return response.status_code, json.loads(data) if data else None

    async def register(self, url: str, name: str = "node", **members: object) -> dict[str, Any]:
        """Register a server and return its document."""
        status, document = await self.ask("POST", "", {"name": name, "base_url": url, **members})
        assert 201 == status, document
        return document

    async def until(self, endpoint_id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the document of an endpoint when *condition* holds of it."""
        document: dict[str, Any] = {}
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    _, document = await self.ask("GET", f"/{endpoint_id}")
                    if condition(document):
                        return document
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"it never was so: {document}") from None

    async def online(self, url: str, name: str = "node", **members: object) -> dict[str, Any]:
        """Register a server and return its document when it is online and its models are known."""
        document = await self.register(url, name, **members)
        return await self.until(document["id"], lambda each: each["status"] == "online" and each["model_count"] > 0)


@asynccontextmanager
async def open_desk(data_dir: Path, toml: str = "", interval_s: float = 30) -> AsyncIterator[Desk]:
    """Run an application on *data_dir*; its servers are looked at every *interval_s*."""
    async with open_app(data_dir, TOML.format(interval_s=interval_s) + toml) as client:
        yield Desk(client)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A server with the model ``m``."""
    async with open_node() as running:
        yield running


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """An application without endpoints."""
    async with open_desk(tmp_path / "app") as running:
        yield running


@pytest.fixture
async def new_node() -> AsyncIterator[Callable[..., Any]]:
    """A function that runs a further node until the test ends."""
    async with AsyncExitStack() as stack:

        async def run(**members: Any) -> Node:
            return await stack.enter_async_context(open_node(**members))

        yield run


@pytest.fixture
def open_app_at() -> Callable[..., Any]:
    """The function that runs an application; for tests that start it twice, or with settings of their own."""
    return open_desk
