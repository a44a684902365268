"""Whether a body holds images, without checking anything else of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

_PARTS = ("image_url", "input_image")


def has_images(body: bytes) -> bool:
    """Say whether a message of *body* has a part that is an image; a body that is not as it should be has none."""
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(document, dict):
        return False
    messages = (message for name in ("messages", "input") for message in _objects(document.get(name)))
    return any(part.get("type") in _PARTS for message in messages for part in _objects(message.get("content")))


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list; nothing where it is none."""
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())
