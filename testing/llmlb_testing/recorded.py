"""A remote server that answers what was recorded, for tests of endpoint kinds; in memory, with the core's own reading of answers.

```python
server = RecordedServer({"GET /v1/models": {"json": {"data": [{"id": "m"}]}}})
assert await kind.detect(server)
assert server.asked == ["GET /v1/models"]
```
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmlb_core import Answer
from llmlb_core.endpoints.asking import AskedServer, Asker
from llmlb_core.errors import ServerError
from llmlb_core.upstream.address import parse_url

NOT_FOUND = Answer(404, {"content-type": "application/json"}, b'{"detail":"Not Found"}')
PAGE = Answer(200, {"content-type": "text/html"}, b"<!doctype html><html><body>Welcome to nginx!</body></html>")
KEY = "sk_recorded_servers_own_key_0001"


class RecordedServer(AskedServer):
    """A ``Server`` of the contract.

    Attributes:
        answers: What is answered, by ``METHOD /path``: an ``Answer``, an error to raise, or an object with ``json`` or ``text``
            and perhaps ``status`` and ``headers``. POST is also looked up with its body: ``POST /api/show {"model":"m"}``.
        otherwise: What is answered to everything else.
        asked: The questions so far, as ``METHOD /path``.
    """

    def __init__(self, answers: Mapping[str, object] | None = None, otherwise: Answer | ServerError = NOT_FOUND) -> None:
        """Answer *answers*."""
        address = parse_url("http://recorded.test:1234")
        super().__init__(Asker(), "recorded", address, KEY, {}, deadline_s=5.0, max_bytes=8 * 1024 * 1024)
        self.answers = dict(answers or {})
        self.otherwise = otherwise
        self.asked: list[str] = []

    @classmethod
    def read(cls, file: Path) -> RecordedServer:
        """Return the server whose answers are in *file*: JSON with ``source`` and ``answers``."""
        document = json.loads(file.read_text(encoding="utf-8"))
        assert document["source"].strip(), f"{file.name} does not say where its answers come from"
        return cls(document["answers"])

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Answer as recorded."""
        question = f"{method} {path}"
        self.asked.append(question)
        detailed = f"{question} {json.dumps(body, separators=(',', ':'))}"
        found = self.answers.get(detailed, self.answers.get(question, self.otherwise))
        if isinstance(found, ServerError):
            raise found
        return found if isinstance(found, Answer) else _answer(found)


def _answer(recorded: Any) -> Answer:
    """Return the answer that an object of a recording describes."""
    kind, body = ("application/json", json.dumps(recorded["json"])) if "json" in recorded else ("text/plain", recorded["text"])
    headers = {"content-type": kind, **recorded.get("headers", {})}
    return Answer(recorded.get("status", 200), headers, body.encode())
