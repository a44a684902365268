"""The images of a body, without checking anything else of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from attrs import frozen

from llmlb_core import ImageReference

_PARTS = ("image_url", "input_image")


@frozen
class _Place:
    """Where the URL of an image stands: member *key* of *holder*."""

    holder: dict[str, Any]
    key: str
    param: str


def images_of(body: bytes) -> tuple[ImageReference, ...]:
    """Return the images in messages of *body*; a body that is not as it should be has none."""
    return tuple(ImageReference(place.holder[place.key], place.param) for place in _places(load(body)))


def with_images(body: bytes, urls: Sequence[str]) -> bytes:
    """Return *body* with *urls* in place of those of ``images_of``."""
    document = load(body)
    for place, url in zip(_places(document), urls, strict=True):
        place.holder[place.key] = url
    return orjson.dumps(document)


def load(body: bytes) -> dict[str, Any]:
    """Return the object that *body* is; an empty one where it is none."""
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _places(document: dict[str, Any]) -> Iterator[_Place]:
    """Yield the places of URLs: of chat, in an object or (as some clients write it) bare; of responses, bare."""
    for name in ("messages", "input"):
        for at, message in objects_of(document.get(name)):
            for part_at, part in objects_of(message.get("content")):
                if part.get("type") not in _PARTS:
                    continue
                where = f"{name}[{at}].content[{part_at}].image_url"
                source = part.get("image_url")
                if isinstance(source, str):
                    yield _Place(part, "image_url", where)
                elif isinstance(source, dict) and isinstance(source.get("url"), str):
                    yield _Place(source, "url", f"{where}.url")


def objects_of(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a list with their places; nothing where it is none."""
    if isinstance(value, list):
        for at, each in enumerate(value):
            if isinstance(each, dict):
                yield at, each
