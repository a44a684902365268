"""JSON as it is sent: numbers and seals stay as they were written."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson


def written(document: dict[str, Any]) -> bytes:
    """Return *document* as JSON. Halves of characters, which JSON can carry and UTF-8 cannot, become question marks."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return orjson.dumps(_whole(document))


def spliced(text: str) -> Any:
    """Return what puts the JSON *text* into a document as it is."""
    return orjson.Fragment(text.encode("utf-8", "replace"))


def is_object(text: str) -> bool:
    """Whether *text* is a JSON object."""
    if text.lstrip()[:1] != "{":
        return False
    try:
        msgspec.json.decode(text.encode(), type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(each) for name, each in value.items()}
    return value
