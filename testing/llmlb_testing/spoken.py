"""A dialect that servers of tests speak: as small as one can be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from llmlb_core import AnswerReader, ChatRequest, Delta, Encoded, Operation, Refusal, ServerDialect, Usage, split_events
from llmlb_core.errors import UnsupportedParameter


class PlainReader(AnswerReader):
    """Events are words, the last one is empty."""

    def read(self, events: bytes) -> bytes:
        """Take whole events."""
        for _, data in split_events(events):
            if data is None:
                continue
            if data == b"END":
                self.results += [Delta(finish="stop"), Delta(usage=Usage(1, 1))]
                self.has_content = self.is_finished = True
                self.is_open = self.is_flowing = False
            else:
                self.results.append(Delta(text=data.decode()))
                self.has_content = True
        return events

    def read_plain(self, body: bytes) -> None:
        """Take a JSON object with a text."""
        document: dict[str, Any] = json.loads(body)
        if "text" not in document:
            raise ValueError(f"its answer has no 'text', but {sorted(document)}")
        self.results += [Delta(text=document["text"]), Delta(finish="stop"), Delta(usage=Usage(1, 1))]


class PlainDialect(ServerDialect):
    """Sends the last message's text."""

    name: ClassVar[str] = "plain"
    operations: ClassVar[frozenset[Operation]] = frozenset({Operation.CHAT, Operation.RESPONSE})

    def lacks(self, request: object, model: str) -> tuple[str, ...]:
        """It has no seeds."""
        del model
        return ("seed",) if isinstance(request, ChatRequest) and request.sampling.seed is not None else ()

    def encode(self, request: object, model: str, *, stream: bool) -> Encoded:
        """Write the text."""
        assert isinstance(request, ChatRequest)
        if request.tools:
            raise UnsupportedParameter("It has no tools.", param="tools")
        document = {"model": model, "say": request.messages[-1].text, "stream": stream}
        return Encoded("/say", json.dumps(document).encode())

    def answer(self, request: object, *, stream: bool) -> PlainReader:
        """Return a reader."""
        del request, stream
        return PlainReader()

    def read_refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal | None:
        """Take ``{"why"}``."""
        del status, headers
        try:
            return Refusal(json.loads(body)["why"])
        except (ValueError, KeyError, TypeError):
            return None
