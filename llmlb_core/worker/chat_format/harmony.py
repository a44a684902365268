"""Harmony: answers in channels, ``<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…``."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import count

from llmlb_core.domain.results import ToolCallDelta
from llmlb_core.worker.chat_format.pieces import Call, Markup, Parser, Piece, Reasoning, Text, held_length
from llmlb_core.worker.chat_format.required_call import new_call_id

FINAL_CHANNEL = "<|channel|>final<|message|>"
"""Written after a prompt, it makes the model answer at once."""

_MESSAGE = "<|message|>"
_ENDS = ("<|end|>", "<|return|>", "<|call|>", "<|start|>")
_BEGINNINGS = ("<|channel|>", "<|start|>", " to=", _MESSAGE)
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
_RECIPIENT = re.compile(r"\bto=(?:functions\.)?([\w.-]+)")


class Harmony(Parser):
    """Sorts channels: ``analysis`` is reasoning, a message to an offered function is a call, anything else is answer text."""

    def __init__(self, tools: Collection[str] = ()) -> None:
        """Know the names of the offered *tools*."""
        self._tools = tools
        self._indices = count()
        self._held = ""
        self._is_header = True
        self._is_first = True
        self._is_reasoning = False
        self._call: int | None = None

    def feed(self, text: str) -> list[Piece]:
        """Return what is certain by now."""
        self._held += text
        return self._read(at_end=False)

    def finish(self) -> list[Piece]:
        """Return what was held back; a header without a message is markup."""
        return self._read(at_end=True)

    def _read(self, *, at_end: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while self._held and (self._header(pieces, at_end=at_end) if self._is_header else self._body(pieces, at_end=at_end)):
            pass
        return pieces

    def _header(self, pieces: list[Piece], *, at_end: bool) -> bool:
        """Read a header; whether to read on."""
        if self._is_first and not self._held.startswith(_BEGINNINGS):
            if not at_end and any(beginning.startswith(self._held) for beginning in _BEGINNINGS):
                return False
            self._is_header = self._is_first = False  # an answer without any header is plain text
            return True
        end = self._held.find(_MESSAGE)
        if end < 0:
            if at_end:
                self._swallow(pieces, len(self._held))
            return False
        header = self._held[:end]
        self._swallow(pieces, end + len(_MESSAGE))
        self._is_header = self._is_first = False
        channel, recipient = _CHANNEL.search(header), _RECIPIENT.search(header)
        self._is_reasoning = channel is not None and channel[1] == "analysis"
        self._call = None
        if recipient is not None and recipient[1] in self._tools:
            self._call = next(self._indices)
            pieces.append(Call(ToolCallDelta(index=self._call, id=new_call_id(), name=recipient[1])))
        return True

    def _body(self, pieces: list[Piece], *, at_end: bool) -> bool:
        """Read the text of a message; whether to read on."""
        found = [(start, len(end)) for end in _ENDS if (start := self._held.find(end)) >= 0]
        if found:
            start, length = min(found)
            self._give(pieces, start)
            self._swallow(pieces, length)
            self._is_header = True
            return True
        self._give(pieces, len(self._held) - (0 if at_end else held_length(self._held, _ENDS)))
        return False

    def _give(self, pieces: list[Piece], length: int) -> None:
        """Give out *length* characters as what this message is."""
        text, self._held = self._held[:length], self._held[length:]
        if not text:
            return
        if self._call is not None:
            pieces += [Markup(text), Call(ToolCallDelta(index=self._call, arguments=text))]
        else:
            pieces.append(Reasoning(text) if self._is_reasoning else Text(text))

    def _swallow(self, pieces: list[Piece], length: int) -> None:
        if length:
            pieces.append(Markup(self._held[:length]))
            self._held = self._held[length:]
