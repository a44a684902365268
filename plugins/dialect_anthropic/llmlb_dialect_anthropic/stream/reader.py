"""Typed events: a message that starts, its blocks, its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import msgspec

from llmlb_core import (
    DIFFERS,
    MAX_PIECES,
    Differs,
    Echo,
    Fault,
    Identity,
    StreamReader,
    Transcript,
    split_events,
    told_usage,
)
from llmlb_dialect_anthropic.render.events import MESSAGE_STOP
from llmlb_dialect_anthropic.text import dumps, loads

TEXT = "0"
"""The channel of an answer's text, as everywhere."""
_HEAD = b"event: content_block_delta\ndata: "
_DIFFERS = Fault("its answer differs from what was delivered", DIFFERS)
_PIECES = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_CHANNELS = {"text_delta": TEXT, "thinking_delta": TEXT + "r", "input_json_delta": TEXT + "t"}


class _TextDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A delta that is nothing but text."""

    type: Literal["text_delta"]
    text: str


class _TextEvent(msgspec.Struct, gc=False):
    """An event as nearly all are: a step of a block's text."""

    type: Literal["content_block_delta"]
    index: int
    delta: _TextDelta


_decode_text = msgspec.json.Decoder(_TextEvent).decode


class EventReader(StreamReader):
    """Reads events; those that are a step of text in half a microsecond.

    An answer that is one block of text can be compared and gone on with by another. Calls of tools have ids that the client knows,
    and thinking has a seal that no other answer has. The end of a block is held back until something follows it, so that what was
    delivered is always within its block.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self._index = -1  # of the block whose text came last
        self._is_over = False
        self._held = b""
        self._told_usage: dict[str, Any] = {}
        self._echo: Echo | None = None
        self._pieces = self.transcript.pieces

    def read(self, events: bytes) -> bytes:
        """Take whole *events*; return what of them may be passed on."""
        if self._index >= 0 and events.startswith(_HEAD):
            try:
                event = _decode_text(events[33:-2])  # what is behind "data: ", where it is one event
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return self._read_each(events)
            if event.index == self._index:
                pieces = self._pieces
                pieces.append(event.delta.text)
                if len(pieces) >= MAX_PIECES:
                    self.transcript.fold()
                return events
        return self._read_each(events)

    def ends(self, *, is_certain: bool) -> bool:
        """Ask for the reason of its end at least; a clean end without ``message_stop`` is one then."""
        return self.is_finished or (is_certain and not self.is_open)

    def end(self) -> bytes:
        """Return ``message_stop`` where the server left it out."""
        if self._is_over:
            return b""
        self._is_over = True
        return MESSAGE_STOP

    def follow(self, delivered: Transcript, identity: Identity | None) -> bool:
        """Hold back what was delivered."""
        self._echo = Echo(delivered)
        self.transcript, self.identity = self._echo.said, identity
        return True

    # --- inside

    def _read_each(self, events: bytes) -> bytes:
        passed: list[bytes] = []
        for event, data in split_events(events):
            if self.fault is not None or self._is_over:
                break
            if data is None:
                passed.append(event)
            elif data:
                passed.append(self._event(event, data))
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def _event(self, event: bytes, data: bytes) -> bytes:
        """Take one event; return what of it may be passed on."""
        try:
            document = loads(data)
        except (ValueError, RecursionError):
            return self._fail(Fault("an event of its stream is no JSON object"))
        kind = document.get("type")
        if kind == "error" or (kind is None and document.get("error")):
            return self._fail(Fault("it reported an error within its stream", "upstream_error", data, last_words=event))
        take = self._takers.get(kind) if isinstance(kind, str) else None
        return event if take is None else take(self, event, document)  # a ping, or a kind that is newer than this, passes

    def _start(self, event: bytes, document: dict[str, Any]) -> bytes:
        message = document.get("message")
        if not isinstance(message, dict):
            return event
        if self.identity is None and isinstance(message.get("id"), str):
            self.identity = Identity(message["id"], 0)
        self._note_usage(message.get("usage"))
        return event if self._echo is None else b""

    def _begin(self, event: bytes, document: dict[str, Any]) -> bytes:
        self._index = -1
        block = document.get("content_block")
        kind = block.get("type") if isinstance(block, dict) else None
        event, self._held = self._held + event, b""
        if kind == "text" and document.get("index") == 0:
            return event if self._echo is None else b""
        self.is_comparable = False
        if self._echo is not None and not self._echo.is_over:
            return self._fail(_DIFFERS)
        if kind not in ("text", "thinking"):
            self.has_content = True
        if isinstance(block, dict) and isinstance(block.get("name"), str):
            self.transcript.add(f"{TEXT}t{document.get('index')}", block["name"])
        return event

    def _block_end(self, event: bytes, document: dict[str, Any]) -> bytes:
        del document
        self._index = -1
        self._held += event
        return b""

    def _delta(self, event: bytes, document: dict[str, Any]) -> bytes:
        delta, index = document.get("delta"), document.get("index")
        kind = delta.get("type") if isinstance(delta, dict) else None
        text = delta.get(_PIECES.get(str(kind), "")) if isinstance(delta, dict) else None
        held, self._held = self._held, b""
        if not isinstance(text, str):  # a signature, a citation, or what is newer than this
            self.is_comparable, self.has_content, self._index = False, True, -1
            return held + event if self._echo is None or self._echo.is_over else self._fail(_DIFFERS)
        if self._echo is not None:
            return self._echoed(self._echo, document, text) if kind == "text_delta" and index == 0 else self._fail(_DIFFERS)
        self._index = index if kind == "text_delta" and isinstance(index, int) and text else -1
        if text:
            self.transcript.add(_CHANNELS[str(kind)] + (str(index) if kind == "input_json_delta" else ""), text)
            self.has_content = True
        return held + event

    def _echoed(self, echo: Echo, document: dict[str, Any], text: str) -> bytes:
        """Return what of *text* was not delivered before, as an event of the answer that it goes on with."""
        try:
            new = echo.hear(TEXT, text)
        except Differs:
            return self._fail(_DIFFERS)
        if not echo.is_over or not new:
            return b""
        self.has_content = True
        document["delta"]["text"] = new
        return _HEAD + dumps(document) + b"\n\n"

    def _ending(self, event: bytes, document: dict[str, Any]) -> bytes:
        if self._echo is not None and not self._echo.is_over:
            return self._fail(_DIFFERS)
        self._note_usage(document.get("usage"))
        delta = document.get("delta")
        if isinstance(delta, dict) and delta.get("stop_reason"):
            self.has_content, self.is_open = True, False
        event, self._held = self._held + event, b""
        return event

    def _stop(self, event: bytes, document: dict[str, Any]) -> bytes:
        """Take the end mark, which is passed on only behind a whole answer."""
        del document
        if self.is_open:
            return self._fail(Fault("its stream ended without a stop reason", "bad_gateway"))
        self._is_over = self.is_finished = True
        self.is_flowing = False
        return event

    def _note_usage(self, usage: object) -> None:
        """Take usage: what ``message_delta`` tells is of the whole, and what it leaves out was told before."""
        if isinstance(usage, dict):
            self._told_usage.update({name: count for name, count in usage.items() if count is not None})
            self.usage = told_usage(self._told_usage) or self.usage

    def _fail(self, fault: Fault) -> bytes:
        self.fault, self.is_flowing, self._index = fault, False, -1
        return b""

    _takers: ClassVar[dict[str, Callable[[EventReader, bytes, dict[str, Any]], bytes]]] = {
        "message_start": _start,
        "content_block_start": _begin,
        "content_block_delta": _delta,
        "content_block_stop": _block_end,
        "message_delta": _ending,
        "message_stop": _stop,
    }
