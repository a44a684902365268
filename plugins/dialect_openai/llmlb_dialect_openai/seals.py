"""Sealed thinking where OpenAI's API has no place for it: what clients are shown, and what they send back.

Chats have it in ``thinking_blocks`` of a message, the shape that gateways share; a seal that goes with a tool call stands in the
call's ``extra_content``, as Google's OpenAI-compatible API documents. Responses have it in ``encrypted_content`` of a reasoning
item, written ``dialect:kind:seal``, or ``dialect:kind@call:seal`` with the call's id percent-encoded.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from llmlb_core import Thinking
from llmlb_dialect_openai.fields import Fields

Json = dict[str, object]

_SEALED = re.compile(r"([a-z0-9_.-]{1,64}):([a-z0-9_]{0,64})(?:@([^:]*))?:(.*)", re.DOTALL)
_OWN = "anthropic"
"""Blocks of this dialect have no prefix: their shape is its own."""


def block_of(thinking: Thinking) -> Json:
    """Return *thinking* as one of ``thinking_blocks``."""
    if thinking.dialect == _OWN:
        if thinking.kind == "redacted_thinking":
            return {"type": thinking.kind, "data": thinking.seal}
        return {"type": "thinking", "thinking": thinking.text, "signature": thinking.seal}
    kind = thinking.kind if thinking.kind.startswith(f"{thinking.dialect}_") else f"{thinking.dialect}_{thinking.kind}"
    return {"type": kind, "thinking": thinking.text, "signature": thinking.seal}


def read_blocks(fields: Fields) -> tuple[Thinking, ...]:
    """Read ``thinking_blocks`` of an assistant's message.

    Raises:
        InvalidRequest: With the path of what is wrong.
    """
    name = "thinking_blocks"
    items = fields.array(name, max_length=1024) or ()
    return tuple(_block(Fields(item, f"{fields.param(name)}[{index}]")) for index, item in enumerate(items))


def _block(block: Fields) -> Thinking:
    kind = block.required_string("type")
    if kind == "redacted_thinking":
        return Thinking(_OWN, kind, "", block.required_string("data"))
    text, seal = block.string("thinking") or "", block.string("signature") or ""
    if kind == "thinking":
        return Thinking(_OWN, kind, text, seal)
    return Thinking(kind.partition("_")[0], kind, text, seal)


def extra_of(thinking: Thinking) -> Json:
    """Return ``extra_content`` of a tool call that *thinking* goes with."""
    return {thinking.dialect: {"thought_signature": thinking.seal}}


def read_extra(call: Fields) -> Thinking | None:
    """Read it; what is not understood is none."""
    extra = call.value("extra_content")
    for dialect, own in extra.items() if isinstance(extra, dict) else ():
        seal = own.get("thought_signature") if isinstance(own, dict) else None
        if isinstance(dialect, str) and isinstance(seal, str) and seal:
            return Thinking(dialect, f"{dialect}_thought", "", seal)
    return None


def encrypted_of(thinking: Thinking, call_id: str | None = None) -> str:
    """Return ``encrypted_content`` of a reasoning item."""
    tied = f"@{quote(call_id, safe='')}" if call_id is not None else ""
    return f"{thinking.dialect}:{thinking.kind}{tied}:{thinking.seal}"


def read_encrypted(text: str, encrypted: str) -> tuple[Thinking, str | None] | None:
    """Return what *encrypted* of an item that reads *text* was, and the id of the call that it goes with; None = not of here."""
    found = _SEALED.fullmatch(encrypted)
    if found is None:
        return None
    return Thinking(found[1], found[2], text, found[4]), None if found[3] is None else unquote(found[3])
