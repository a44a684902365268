"""``message``: a plain answer."""

from __future__ import annotations

from typing import Any

import orjson

from llmlb_core import Call, Delta, Renderer, Result, Usage
from llmlb_core.errors import CallError
from llmlb_dialect_anthropic.error_document import error_document
from llmlb_dialect_anthropic.render.blocks import Append, Begin, Blocks
from llmlb_dialect_anthropic.render.parts import JSON, Json, as_delta, ending, omits_thinking, unfinished, usage_object
from llmlb_dialect_anthropic.text import dumps, unique_id


class MessageAnswer(Renderer):
    """Collects the blocks and writes one object."""

    content_type = JSON

    def __init__(self, call: Call, model: str) -> None:
        """Remember who answers."""
        self._model = model
        self._blocks = Blocks(omits_thinking(call))
        self._content: list[tuple[Json, list[Append]]] = []
        self._last: Delta | None = None
        self._usage: Usage | None = None

    def feed(self, result: Result) -> bytes:
        """Collect."""
        delta = as_delta(result)
        if delta.usage is not None:
            self._usage = delta.usage
        if delta.choice:
            return b""
        if delta.finish is not None:
            self._last = delta
        for step in self._blocks.take(delta):
            if isinstance(step, Begin):
                self._content.append((step.block, []))
            elif isinstance(step, Append):
                self._content[step.index][1].append(step)
        return b""

    def end(self) -> bytes:
        """Return the answer.

        Raises:
            EngineFailed: It did not finish.
        """
        if self._last is None:
            raise unfinished()
        self._blocks_left()
        return dumps(
            {
                "id": unique_id("msg_"),
                "type": "message",
                "role": "assistant",
                "model": self._model,
                "content": [_whole(block, pieces) for block, pieces in self._content],
                **ending(self._last),
                "usage": usage_object(self._usage or Usage()),
            }
        )

    def _blocks_left(self) -> None:
        for step in self._blocks.close():
            if isinstance(step, Begin):
                self._content.append((step.block, []))

    def error(self, error: CallError) -> bytes:
        """Return the error document; nothing was sent before it."""
        return error_document(error)


def _whole(block: Json, pieces: list[Append]) -> Json:
    """Return *block* with its *pieces* joined."""
    for kind in ("text", "thinking", "signature"):
        if kind in block:
            block[kind] = "".join(piece.text for piece in pieces if piece.kind == kind)
    if block["type"] == "tool_use":
        block["input"] = _arguments("".join(piece.text for piece in pieces))
    return block


def _arguments(text: str) -> Json:
    """Return arguments as the object that they should be; what is none is wrapped up as Anthropic's guide has it."""
    if not text.strip():
        return {}
    try:
        value: Any = orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        value = None
    return value if isinstance(value, dict) else {"INVALID_JSON": text}
