"""The whole application in this process, spoken to in ASGI, so that a test decides when a body arrives and a client leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from quart import Quart
    from quart.typing import TestClientProtocol

    from llmlb_core.settings.sections import Settings

ECHO_TOML = """
[auth]
is_disabled = true

[log]
access = false

[models.echo]
engine = "echo"
"""
"""A server without keys that serves one model, ``echo``."""
ANSWER_TIMEOUT_S = 30.0
Message = dict[str, Any]


@define
class Answer:
    """What an ASGI application answered."""

    status: int = 0
    headers: dict[str, str] = field(factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        """The data of all server-sent events, in order."""
        return [line.removeprefix("data: ") for line in self.body.decode().splitlines() if line.startswith("data: ")]


@define
class Client:
    """Speaks ASGI to the app.

    Attributes:
        app: An ASGI application that is running.
    """

    app: Quart

    @property
    def http(self) -> TestClientProtocol:
        """Quart's own test client of the same app."""
        return self.app.test_client()

    def scope(self, path: str, method: str = "POST", headers: Mapping[str, str] | None = None) -> Message:
        """Return the ASGI scope of a request."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }

    async def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        """Send *body*, bytes as they are and everything else as JSON; return the whole answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        messages: list[Message] = [{"type": "http.request", "body": data, "more_body": False}]
        answer = Answer()

        async def receive() -> Message:
            if messages:
                return messages.pop()
            await asyncio.Event().wait()  # a client that stays
            raise AssertionError

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message["body"]

        application: Any = self.app
        await asyncio.wait_for(application(self.scope(path, headers=headers), receive, send), ANSWER_TIMEOUT_S)
        return answer

    async def waiting(self, count: int) -> None:
        """Return when *count* calls wait in the queue."""
        async with asyncio.timeout(10):
            while (await (await self.http.get("/v0/queue/stats")).get_json())["waiting_count"] != count:
                pass

    async def chat(self, text: str = "hello there", **fields: object) -> Answer:
        """Send one user message, to the model ``echo`` unless *fields* say otherwise."""
        return await self.post("/v1/chat/completions", {"model": "echo", "messages": [{"role": "user", "content": text}], **fields})


@asynccontextmanager
async def open_app(data_dir: Path, toml: str = ECHO_TOML) -> AsyncIterator[Client]:
    """Write *toml* as ``llmlb.toml`` into *data_dir*, start the application with every plugin installed here, and stop it."""
    from llmlb_core.web.app import create_app

    app = create_app(_settings(data_dir, toml))
    async with app.test_app():
        yield Client(app)


def _settings(data_dir: Path, toml: str) -> Settings:
    from llmlb_core.settings.load import load_settings

    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data_dir / "llmlb.toml").write_text(toml)
    return load_settings(environ={"LLMLB_DATA_DIR": str(data_dir)})
