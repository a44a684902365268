"""Changing the model's name in a body without touching any other byte."""

from __future__ import annotations

import re

import msgspec

from llmlb_core.errors import InvalidRequest


class _Named(msgspec.Struct):
    model: str


_decode = msgspec.json.Decoder(_Named).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MEMBER = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_KEY = re.compile(rb'[\s,{]*("(?:[^"\\]|\\.)*")\s*:\s*')


def rename_model(body: bytes, name: str) -> bytes:
    """Return *body*, a JSON object, with *name* as its ``model``; every other byte is as it was.

    The member's place is guessed and the result decoded to see that the guess was right: an object further in may have one too.
    Three guesses, each linear in the body: its first occurrence, the last one before its end, and a walk over the members.

    Raises:
        InvalidRequest: No guess is right: a name is written twice, or with escapes.
    """
    quoted = msgspec.json.encode(name)
    if _replaced(body, (0, 0), b"", name):
        return body  # a guess could not be told from the truth
    first = _MEMBER.search(body)
    spans = [first.span(1)] if first else []
    last = _MEMBER.search(body, body.rfind(b'"model"')) if first else None
    if last:
        spans.append(last.span(1))
    for span in spans:
        changed = _replaced(body, span, quoted, name)
        if changed is not None:
            return changed
    span_of_walk = _walk(body)
    changed = _replaced(body, span_of_walk, quoted, name) if span_of_walk else None
    if changed is None:
        raise InvalidRequest(
            'The member \'model\' could not be found in the body; write it once, as "model": "name".', param="model"
        )
    return changed


def _replaced(body: bytes, span: tuple[int, int], quoted: bytes, name: str) -> bytes | None:
    """Return *body* with *quoted* at *span*, or None where that is not the model's name."""
    changed = body[: span[0]] + quoted + body[span[1] :]
    try:
        return changed if _decode(changed).model == name else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _walk(body: bytes) -> tuple[int, int] | None:
    """Return where the value of the outer member ``model`` stands: from key to key, over each value's own length."""
    at, found = 0, None
    try:
        members = _decode_members(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    for key, value in members.items():
        match = _KEY.match(body, at)
        if match is None or msgspec.json.decode(match[1]) != key:
            return None
        at = match.end() + len(bytes(value))
        if key == "model":
            found = match.end(), at
    return found
