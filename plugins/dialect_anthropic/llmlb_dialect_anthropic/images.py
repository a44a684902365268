"""The images of a body, without checking anything else of it: of messages, and of the results of tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from attrs import frozen

from llmlb_core import ImageReference


@frozen
class _Place:
    """Where an image stands: member ``source`` of *block*."""

    block: dict[str, Any]
    url: str
    param: str


def images_of(body: bytes) -> tuple[ImageReference, ...]:
    """Return the images of *body*, those in base64 as data URLs; a body that is not as it should be has none."""
    return tuple(ImageReference(place.url, place.param) for place in _places(_load(body)))


def with_images(body: bytes, urls: Sequence[str]) -> bytes:
    """Return *body* with *urls* in place of those of ``images_of``."""
    document = _load(body)
    for place, url in zip(list(_places(document)), urls, strict=True):
        if url != place.url:
            place.block["source"] = source_of(url)
    return orjson.dumps(document)


def source_of(url: str) -> dict[str, str]:
    """Return *url* as the source of an image."""
    head, comma, data = url.partition(",")
    if comma and head[:5].lower() == "data:" and head.lower().endswith(";base64"):
        return {"type": "base64", "media_type": head[5:-7], "data": data}
    return {"type": "url", "url": url}


def data_url(media_type: str, data: str) -> str:
    """Return an image in base64 as a data URL."""
    return f"data:{media_type};base64,{data}"


def _load(body: bytes) -> dict[str, Any]:
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _places(document: dict[str, Any]) -> Iterator[_Place]:
    for at, message in _objects(document.get("messages")):
        yield from _within(message.get("content"), f"messages.{at}.content")


def _within(content: object, path: str) -> Iterator[_Place]:
    for at, block in _objects(content):
        if block.get("type") == "tool_result":
            yield from _within(block.get("content"), f"{path}.{at}.content")
        elif block.get("type") == "image":
            source = block.get("source")
            if not isinstance(source, dict):
                continue
            url, media_type, data = source.get("url"), source.get("media_type"), source.get("data")
            if source.get("type") == "url" and isinstance(url, str):
                yield _Place(block, url, f"{path}.{at}.source.url")
            elif source.get("type") == "base64" and isinstance(media_type, str) and isinstance(data, str):
                yield _Place(block, data_url(media_type, data), f"{path}.{at}.source.data")


def _objects(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a list with their places; nothing where it is none."""
    if isinstance(value, list):
        for at, each in enumerate(value):
            if isinstance(each, dict):
                yield at, each
