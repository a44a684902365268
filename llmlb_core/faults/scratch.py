"""Scratch endpoints at a running server: registered through its admin API for a case, and removed whatever happens."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from llmlb_core.errors import LLMLBError
from llmlb_core.faults.caller import HttpCaller, Seen
from llmlb_core.faults.case import Case, Mode
from llmlb_core.faults.runner import Ground
from llmlb_core.faults.server import FaultServer

ADMIN_S = 15.0
INFERENCE_TIMEOUT_S = 10
"""The least that may be asked for; llmlb's own limits would have some cases wait for minutes."""
CLOSED_PORT = "http://127.0.0.1:9"
"""The discard port, where nothing listens."""


class ServerUnusable(LLMLBError):
    """The server cannot be examined: it is not there, or does not let us."""


class Scratch:
    """A running server, entered through its admin API.

    Attributes:
        registered: Ids that are registered now, for whoever has to clean up.
    """

    def __init__(self, url: str, key: str, server: FaultServer) -> None:
        """Register endpoints of *server* at *url* with *key*."""
        self._caller = HttpCaller(url, key)
        self._url = url
        self._server = server
        self._run = secrets.token_hex(3)
        self._ids_by_model: dict[str, list[str]] = {}
        self.registered: set[str] = set()

    async def check(self) -> None:
        """See that the server is there and lets us register endpoints.

        Raises:
            ServerUnusable: It is not, or does not.
        """
        await self._ask("GET", "/v0/endpoints")

    @asynccontextmanager
    async def ground(self, case: Case, mode: Mode) -> AsyncIterator[Ground]:
        """Register endpoints for *case*; remove them at the end."""
        model = f"llmlb-doctor-{self._run}-{case.name}-{mode}".replace("_", "-")
        ids = self._ids_by_model[model] = []
        limits: dict[str, float] = {}
        registering: asyncio.Task[dict[str, float]] | None = None
        try:
            for number in range(case.endpoints):
                name = f"{model}-{'abcdefgh'[number]}"
                self._server.models[name] = [model]
                registering = asyncio.create_task(self._register(ids, self._registration(case, number, name, model)))
                # Whoever is cancelled in between does not know whether it was registered: it waits to learn the id.
                limits = await asyncio.shield(registering) or limits
            yield Ground(model, limits)
        finally:
            if registering is not None:
                await asyncio.gather(registering, return_exceptions=True)
            await asyncio.shield(self._remove(ids))
            for number in range(case.endpoints):
                self._server.models.pop(f"{model}-{'abcdefgh'[number]}", None)

    async def in_flight(self, ground: Ground) -> int | None:
        """Return what the server counts at the endpoints of *ground*."""
        counts = [(await self._ask("GET", f"/v0/endpoints/{each}"))["in_flight"] for each in self._ids_by_model[ground.model]]
        return sum(map(int, counts))

    async def close(self) -> None:
        """Remove what is still registered."""
        await self._remove(list(self.registered))

    def _registration(self, case: Case, number: int, name: str, model: str) -> dict[str, Any]:
        base = CLOSED_PORT if number < case.unreachable else self._server.url
        return {
            "name": name,
            "base_url": f"{base}/{name}",
            "models": [model],
            "capabilities": ["embedding"] if case.route == "embeddings" else ["text_generation"],
            "health_check_interval_secs": 300,
            "inference_timeout_secs": INFERENCE_TIMEOUT_S,
            "max_in_flight": 8,
            "notes": "A scratch endpoint of 'llmlb doctor faults'; it may be removed.",
        }

    async def _register(self, ids: list[str], body: dict[str, Any]) -> dict[str, float]:
        """Register, note the id, and return the limits."""
        shown = await self._ask("POST", "/v0/endpoints", body)
        ids.append(shown["id"])
        self.registered.add(shown["id"])
        limits: dict[str, float] = shown.get("timeouts") or {}
        return limits

    async def _remove(self, ids: list[str]) -> None:
        for each in ids:
            with suppress(ServerUnusable):  # what cannot be removed is told at the end
                await self._ask("DELETE", f"/v0/endpoints/{each}")
                self.registered.discard(each)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        seen = Seen()
        try:
            async with asyncio.timeout(ADMIN_S):
                await self._caller.request(method, path, msgspec.json.encode(body) if body else b"", seen, asyncio.Event())
        except TimeoutError:
            raise ServerUnusable(f"{self._url} did not answer {method} {path} within {ADMIN_S:g} s.") from None
        if not seen.is_whole:
            raise ServerUnusable(f"{self._url} cannot be reached ({seen.problem or 'no answer'}); is it running? See --url.")
        if seen.status in (401, 403):
            raise ServerUnusable(
                f"{self._url} does not accept this key for {method} {path} ({seen.status}); "
                "give one with the scopes 'api' and 'endpoints', or 'admin', with --key or LLMLB_API_KEY."
            )
        if seen.status not in (200, 201, 204):
            raise ServerUnusable(f"{self._url} answered {method} {path} with {seen.status}: {_shown(seen)}")
        return {} if seen.status == 204 else _document(bytes(seen.body), self._url)


def _shown(seen: Seen) -> str:
    return bytes(seen.body[:300]).decode("utf-8", "replace")


def _document(body: bytes, url: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise ServerUnusable(f"{url} is no llmlb server: its answer is no JSON ({error}).") from error
    return document
