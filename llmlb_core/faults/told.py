"""Reading an answer as a careful client does: what was said, whether it was finished, and what went wrong."""

from __future__ import annotations

from typing import Any

import msgspec

from llmlb_core.faults.caller import Seen


class Told:
    """What an answer says.

    Attributes:
        texts: By choice; the arguments of a tool where one is called.
        finishes: Finish reasons by choice.
        errors: Error objects, in the stream or as the document.
        sentinels: How many ``[DONE]`` came.
        after_end: Events after an error or the sentinel.
        ids: Of the chunks.
        malformed: Events that are no JSON.
        is_stream: Whether it came as events.
        is_embedding: Whether it has vectors.
    """

    def __init__(self) -> None:
        """Nothing was said."""
        self.texts: dict[int, str] = {}
        self.finishes: dict[int, str] = {}
        self.errors: list[dict[str, Any]] = []
        self.sentinels = 0
        self.after_end = 0
        self.ids: set[str] = set()
        self.usage: dict[str, Any] | None = None
        self.malformed = 0
        self.is_stream = False
        self.is_embedding = False

    def is_finished(self, choices: int) -> bool:
        """Whether a client must take it for a whole answer."""
        if self.is_embedding:
            return True
        is_ended = self.sentinels > 0 if self.is_stream else len(self.finishes) >= choices
        return is_ended and not self.errors


def has_content(body: bytes) -> bool:
    """Whether any text has come in a stream."""
    if b'"arguments":"' in body:
        return True
    return b'"content":"' in body.replace(b'"content":""', b"") or b'"text":"' in body.replace(b'"text":""', b"")


def read_told(seen: Seen) -> Told:
    """Read what was seen."""
    told = Told()
    body = bytes(seen.body)
    told.is_stream = seen.headers.get("content-type", "").startswith("text/event-stream")
    if not told.is_stream:
        _take(told, body)
        return told
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        data = b"\n".join(line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:"))
        if not data:
            continue
        if told.sentinels or told.errors:
            told.after_end += 1
        if data == b"[DONE]":
            told.sentinels += 1
        else:
            _take(told, data)
    return told


def _take(told: Told, data: bytes) -> None:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told.malformed += 1
        return
    if not isinstance(document, dict):
        told.malformed += 1
        return
    if document.get("error") is not None:
        error = document["error"]
        told.errors.append(error if isinstance(error, dict) else {"message": error})
        return
    if document.get("object") == "list":
        told.is_embedding = bool(document.get("data"))
    if "id" in document:
        told.ids.add(str(document["id"]))
    told.usage = document.get("usage") or told.usage
    for choice in document.get("choices") or ():
        index = choice.get("index", 0)
        message = choice.get("delta") or choice.get("message") or {}
        text = message.get("content") or choice.get("text") or ""
        for called in message.get("tool_calls") or ():
            text += called.get("function", {}).get("arguments") or ""
        told.texts[index] = told.texts.get(index, "") + text
        if choice.get("finish_reason"):
            told.finishes[index] = choice["finish_reason"]
