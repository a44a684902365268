"""One app in this process, with the real plugins and the echo engine in real workers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from attrs import define, field

from llmlb_core.settings.load import load_settings
from llmlb_core.web.app import create_app

TOML = """
[auth]
is_disabled = true

[log]
access = false

[admission]
queue_size = 2
queue_timeout_s = 1.5

[server]
max_body_bytes = 100000
body_timeout_s = 0.3

[models.echo]
engine = "echo"

[models.slow]
engine = "echo"
capabilities = ["text_generation"]
options = { delay_s = 0.02, max_concurrency = 1 }

[models.small]
engine = "echo"
options = { context_tokens = 50 }

[models.raising]
engine = "echo"
options = { fault = "raise_mid_answer", fault_after_tokens = 3 }

[models.late]
engine = "echo"
options = { load_delay_s = 0.6 }
"""


@define
class Answer:
    """What an ASGI application answered."""

    status: int = 0
    headers: dict[str, str] = field(factory=dict)
    body: bytes = b""

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        return [line.removeprefix("data: ") for line in self.body.decode().splitlines() if line.startswith("data: ")]


@define
class Client:
    """Speaks ASGI to the app, so that a test decides when a body arrives and when the client leaves."""

    app: object

    def scope(self, path: str, method: str = "POST", headers: dict[str, str] | None = None) -> dict:
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

    async def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        messages = [{"type": "http.request", "body": data, "more_body": False}]
        answer = Answer()

        async def receive() -> dict:
            if messages:
                return messages.pop()
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message["body"]

        await asyncio.wait_for(self.app(self.scope(path, headers=headers), receive, send), 30)
        return answer

    async def waiting(self, count: int) -> None:
        """Return when *count* calls wait in the queue."""
        http = self.app.test_client()
        async with asyncio.timeout(10):
            while (await (await http.get("/v0/queue/stats")).get_json())["waiting_count"] != count:
                pass

    async def chat(self, text: str = "hello there", **fields: object) -> Answer:
        return await self.post("/v1/chat/completions", {"model": "echo", "messages": [{"role": "user", "content": text}], **fields})


@pytest.fixture
async def client(tmp_path: Path, request: pytest.FixtureRequest):
    """An app that is open for one test; ``indirect`` parameters are lines for its ``[server]`` table."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "llmlb.toml").write_text(TOML.replace("[server]", f"[server]\n{getattr(request, 'param', '')}"))
    app = create_app(load_settings(environ={"LLMLB_DATA_DIR": str(data)}))
    async with app.test_app():
        yield Client(app)
