"""The door: which requests are inference calls, and their way from ASGI into the pipeline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from llmlb_core.contracts.dialect import Dialect, Entry
from llmlb_core.domain.calls import Head
from llmlb_core.errors import MethodNotAllowed
from llmlb_core.pipeline import Pipeline
from llmlb_core.web.outlet import READ_TIMEOUT_S, AsgiOutlet, Receive, Send

Scope = Any  # ASGI servers pass their own TypedDicts
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


def head_of(scope: Scope) -> Head:
    """Return the head of an ASGI request."""
    client = scope.get("client")
    return Head(
        method=scope["method"],
        path=scope["path"],  # ASGI servers have decoded it
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        client_address=client[0] if client else "",
        received_at=time.monotonic(),
    )


class Door:
    """ASGI middleware: a dialect's routes go to the pipeline, everything else to the app behind it."""

    def __init__(self, app: Asgi, pipeline: Callable[[], Pipeline], dialects: Mapping[str, Dialect]) -> None:
        """Serve the routes of *dialects* in front of *app*; *pipeline* is asked at every call, for it exists only while open."""
        self._app = app
        self._pipeline = pipeline
        self._entry_by_path: dict[str, Entry] = {
            route.path: Entry(dialect, route) for dialect in dialects.values() for route in dialect.routes
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        entry = self._entry_by_path.get(scope["path"]) if scope["type"] == "http" else None
        if entry is None:
            await self._app(scope, receive, send)
            return
        if scope["method"] != "POST":
            await _refuse(send, entry.dialect, scope)
            return
        await self._serve(head_of(scope), entry, AsgiOutlet(receive, send))

    async def _serve(self, head: Head, entry: Entry, outlet: AsgiOutlet) -> None:
        call = outlet.task = asyncio.create_task(self._pipeline().serve(head, entry, outlet), name="call")
        pump = asyncio.create_task(outlet.pump(), name="pump")
        leaving = asyncio.create_task(outlet.left(), name="client-left")
        try:
            await asyncio.wait({call, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if call.done() and outlet.opened:
                await asyncio.wait({pump, leaving}, timeout=READ_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = (call, pump, leaving)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            outlet.task = None  # one that was cancelled knows, by a traceback, all that it served: no circle


async def _refuse(send: Send, dialect: Dialect, scope: Scope) -> None:
    error = MethodNotAllowed(f"{scope['path']} takes POST, not {scope['method']}.")
    body = dialect.error(error) if scope["method"] != "HEAD" else b""
    headers = [(b"content-type", b"application/json"), (b"allow", b"POST"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
