"""A tool call that the grammar enforces, passed on while it is written."""

from __future__ import annotations

import json
import secrets

from llmlb_core.domain.results import ToolCallDelta
from llmlb_core.errors import EngineFailed
from llmlb_core.worker.chat_format.json_stream import MemberScanner
from llmlb_core.worker.chat_format.pieces import Call, Markup, Parser, Piece


def new_call_id() -> str:
    """Return an id for a tool call, as OpenAI writes them."""
    return f"call_{secrets.token_hex(12)}"


class RequiredCall(Parser):
    """Reads the JSON of ``tools.call_schema``: the name first, then the raw text of the arguments as it comes."""

    def __init__(self) -> None:
        """Start before the call."""
        self._members = MemberScanner()
        self._name = ""
        self._arguments = ""
        self._is_named = False

    def feed(self, text: str) -> list[Piece]:
        """Return the pieces of the call that *text* completes.

        Raises:
            EngineFailed: This is no such JSON: the engine does not enforce its schema.
        """
        pieces: list[Piece] = [Markup(text)] if text else []
        try:
            members = self._members.feed(text)
        except ValueError as error:
            raise EngineFailed(f"The engine did not keep to the JSON schema of a required tool call: {error}.") from error
        for key, raw in members:
            if key == "name" and not self._is_named:
                self._name += raw
            elif key == "arguments":
                self._arguments += raw
        if not self._is_named and (name := _complete(self._name)) is not None:
            self._is_named = True
            pieces.append(Call(ToolCallDelta(index=0, id=new_call_id(), name=name)))
        if self._is_named and self._arguments:
            pieces.append(Call(ToolCallDelta(index=0, arguments=self._arguments)))
            self._arguments = ""
        self.is_done = self._members.is_over
        return pieces

    def finish(self) -> list[Piece]:
        """Return nothing: whatever could be passed on was."""
        return []


def _complete(raw: str) -> str | None:
    """Return the string whose JSON text is *raw*, or None while its end is missing."""
    try:
        return str(json.loads(raw))
    except ValueError:
        return None
