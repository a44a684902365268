"""Changing the model's name in a body without touching any other byte."""

from __future__ import annotations

import re

import msgspec

from llmlb_core.errors import InvalidRequest


class _Named(msgspec.Struct):
    model: str


_decode = msgspec.json.Decoder(_Named).decode
_MEMBER = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')


def rename_model(body: bytes, name: str) -> bytes:
    """Return *body*, a JSON object, with *name* as its ``model``; every other byte is as it was.

    The member's place is guessed and the result decoded to see that the guess was right: text in a message may look like one.

    Raises:
        InvalidRequest: No place is right, such as when the member is written with escapes.
    """
    quoted = msgspec.json.encode(name)
    for found in _MEMBER.finditer(body):
        begin, end = found.span(1)
        changed = body[:begin] + quoted + body[end:]
        try:
            if _decode(changed).model == name:
                return changed
        except msgspec.MsgspecError:
            continue
    raise InvalidRequest('The member \'model\' could not be found in the body; write it as "model": "name".', param="model")
