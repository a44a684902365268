"""The rest of an answer that broke: what a server says that was given the beginning."""

from __future__ import annotations

from typing import Any

from llmlb_core import DIFFERS, UNFINISHED, Fault, Identity
from llmlb_dialect_openai.stream.pieces import Pieces

_NO_TEXT = Fault("what it went on with is more than text", DIFFERS)
_CAPPED = Fault("it came to the limit of tokens that was left to be sure of", UNFINISHED)


class Rest:
    """Makes chunks of another answer chunks of the one that it goes on with."""

    def __init__(self, channel: str, count: int, identity: Identity | None, *, is_capped: bool) -> None:
        """Go on with an answer with *identity*, all of *channel*, that came in *count* pieces; see ``StreamReader.go_on``."""
        self._channel, self._count, self._identity, self._is_capped = channel, count, identity, is_capped

    def amend(self, chunk: dict[str, Any]) -> None:
        """Give *chunk* the first answer's identity, and usage of the whole.

        What was delivered is in its prompt; how many tokens it was is known as well as without any usage: a piece is one. The sum
        stays the server's own.
        """
        if self._identity is not None:
            chunk["id"], chunk["created"] = self._identity.id, self._identity.created
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
            if isinstance(read, int) and isinstance(written, int):
                moved = min(self._count, max(read, 0))
                usage["prompt_tokens"], usage["completion_tokens"] = read - moved, written + moved

    def fault(self, pieces: Pieces) -> Fault | None:
        """Return why *pieces* are not the rest of a text; None where they are."""
        if pieces.is_odd or any(piece.channel != self._channel for piece in pieces.texts):
            return _NO_TEXT
        return _CAPPED if self._is_capped and "length" in pieces.reasons else None


def without_role(chunk: dict[str, Any]) -> None:
    """Take the role out of *chunk*: the client has it, and official clients would join the two."""
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict):
            delta.pop("role", None)
