"""JSON text on its way out and in, and ids."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import orjson

from llmlb_core import new_id


def dumps(value: object) -> bytes:
    """Return *value* as JSON, lone surrogates replaced: a string from outside must never break an answer."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_clean(value))


_decode = msgspec.json.Decoder(dict[str, Any]).decode


def loads(data: bytes) -> dict[str, Any]:
    """Return the JSON object of an event, also where it is as JavaScript and Python write and read it.

    Half a surrogate pair stands at the end of a piece that JavaScript has cut; ``NaN`` and ``-Infinity`` are Python's.

    Raises:
        ValueError: It is none; or ``RecursionError``.
    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        document = json.loads(data.decode())
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004  # of the text, not of a type
    return document


def _clean(value: object) -> object:
    """Copy *value* with every lone surrogate replaced by a question mark."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def unique_id(prefix: str) -> str:
    """Return a process-wide unique id such as ``msg_9f86d081881a2b3c4d``."""
    return prefix + new_id("")[1:]
