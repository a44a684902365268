"""Sealed thinking on its way through Anthropic's blocks, and that of other dialects hidden in them.

Anthropic's own seals are base64 and stand as they are. Another dialect's are written ``dialect:kind:seal``; where one goes with a
tool call, ``dialect:kind@call:seal`` with the call's id percent-encoded. What a client sends back is told apart by that.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from attrs import frozen

from llmlb_core import Thinking

DIALECT = "anthropic"
THINKING = "thinking"
REDACTED = "redacted_thinking"

_FOREIGN = re.compile(r"([a-z][a-z0-9_]*):([A-Za-z0-9_.-]*)(?:@([^:]*))?:(.*)", re.DOTALL)


@frozen
class Unsealed:
    """What a block says that a client sent back.

    Attributes:
        thinking: As its provider sealed it.
        call_id: The tool call that it goes with.
    """

    thinking: Thinking
    call_id: str | None = None


def seal_of(thinking: Thinking, call_id: str | None = None) -> str:
    """Return what stands in a block as ``signature`` or ``data``."""
    if thinking.dialect == DIALECT:
        return thinking.seal
    tied = "" if call_id is None else "@" + quote(call_id.encode("utf-8", "replace"), safe="")
    return f"{thinking.dialect}:{thinking.kind}{tied}:{thinking.seal}"


def is_redacted(thinking: Thinking) -> bool:
    """Whether nothing of it may be read, so that it is a ``redacted_thinking`` block."""
    return thinking.kind == REDACTED if thinking.dialect == DIALECT else not thinking.text


def unsealed(kind: str, text: str, seal: str) -> Unsealed:
    """Return what a block of *kind* with *seal* was."""
    found = _FOREIGN.fullmatch(seal)
    if found is None or found[1] == DIALECT:
        return Unsealed(Thinking(DIALECT, kind, text, seal))
    call_id = None if found[3] is None else unquote(found[3])
    return Unsealed(Thinking(found[1], found[2], text, found[4]), call_id)
