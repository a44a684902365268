"""What all fake providers share: a real HTTP server, a list of what it was asked, a script of what it answers."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

from aiohttp import web
from attrs import define, field, frozen


@frozen
class Scripted:
    """One answer.

    Attributes:
        document: JSON of a plain answer, or of an error.
        events: Of a stream instead, each with its own blank line at the end.
        breaks: Whether the connection is closed after the last event without the proper end.
        waits_for: Awaited before the last event.
    """

    status: int = 200
    document: Any = None
    events: Sequence[bytes] = ()
    headers: Mapping[str, str] = field(factory=dict)
    breaks: bool = False
    waits_for: asyncio.Event | None = None


@define
class Asked:
    """One request as it came.

    Attributes:
        problems: What the provider's schema does not allow; empty = nothing.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    json: Any = None
    problems: list[str] = field(factory=list)


class Provider(ABC):
    """One provider. Requests that its schema does not allow are answered 400 and stay in ``asked`` with their ``problems``.

    Attributes:
        keys: Those that it accepts.
        asked: Every request, in order.
        url: Its address, without a path.
    """

    keys: ClassVar[frozenset[str]] = frozenset({"key-1", "key-2"})

    def __init__(self) -> None:
        """Answer nothing special."""
        self.asked: list[Asked] = []
        self.url = ""
        self._script: deque[Scripted] = deque()

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        """Serve on a free port of the loopback."""
        self = cls()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def script(self, *answers: Scripted) -> None:
        """Answer the next requests, models lists aside, with *answers*; after them as ``usual``."""
        self._script.extend(answers)

    @property
    def problems(self) -> list[str]:
        """Everything that the schema did not allow so far."""
        return [problem for each in self.asked for problem in each.problems]

    @abstractmethod
    def key_of(self, headers: Mapping[str, str], query: str) -> str:
        """Return the key that a request carries; empty = none."""

    @abstractmethod
    def check(self, asked: Asked) -> list[str]:
        """Return what the public schema does not allow of a request."""

    @abstractmethod
    def usual(self, asked: Asked) -> Scripted:
        """Return the answer to a good request that no script has one for."""

    @abstractmethod
    def error(self, status: int, message: str) -> Any:
        """Return the document of an error."""

    def unscripted(self, asked: Asked) -> Scripted | None:
        """Return the answer to what scripts do not speak of, such as a list of models; None = the script has it."""
        del asked
        return None

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.path, request.query_string, headers, _json(body))
        self.asked.append(asked)
        if self.key_of(headers, request.query_string) not in self.keys:
            return web.json_response(self.error(401, "invalid key"), status=401)
        asked.problems += self.check(asked)
        if asked.problems:
            return web.json_response(self.error(400, "; ".join(asked.problems)), status=400)
        answer = self.unscripted(asked) or (self._script.popleft() if self._script else self.usual(asked))
        if not answer.events:
            return web.json_response(answer.document, status=answer.status, headers=answer.headers)
        return await self._stream(request, answer)

    async def _stream(self, request: web.Request, answer: Scripted) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers={"content-type": "text/event-stream", **answer.headers})
        await response.prepare(request)
        for number, event in enumerate(answer.events, 1):
            if answer.waits_for is not None and number == len(answer.events):
                await answer.waits_for.wait()
            await response.write(event)
        if answer.breaks:
            assert request.transport is not None
            request.transport.close()
        else:
            await response.write_eof()
        return response


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None


def schema_problems(adapter: Any, document: Any) -> list[str]:
    """Return why *document* is not what a pydantic adapter or model wants, each with its place.

    Args:
        adapter: A ``TypeAdapter``, or a model class.
        document: JSON as Python has it.
    """
    from pydantic import ValidationError

    try:
        validate = getattr(adapter, "validate_python", None) or adapter.model_validate
        _exhaust(validate(document))
    except ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:8]]
    return []


def _exhaust(value: Any) -> None:
    """Walk through all of *value*: members that are an ``Iterable`` are not checked before somebody does."""
    if isinstance(value, Mapping):
        value = value.values()
    elif isinstance(value, str | bytes) or not isinstance(value, list | tuple | Iterator):
        return
    for each in value:
        _exhaust(each)
