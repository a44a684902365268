"""From the bytes of a body to one document in JSON, as it is stored."""

from __future__ import annotations

import json
from typing import Any

import orjson

from llmlb_storage_history.bodies.events import document_of_stream
from llmlb_storage_history.bodies.frames import Frame, Policy, Said
from llmlb_storage_history.bodies.masking import masked, without_media
from llmlb_storage_history.bodies.mend import mend

STREAM = "text/event-stream"


def documents_of(frame: Frame, policy: Policy) -> tuple[str, str]:
    """Return request and answer of *frame*, each as JSON in text; never raises for what a client or an endpoint wrote."""
    said = frame.meta
    assert isinstance(said, Said)
    return (
        _stored(frame.request, policy, is_cut=said.is_request_cut),
        _stored(frame.answer, policy, is_cut=said.is_answer_cut, is_stream=said.content_type.lower().startswith(STREAM)),
    )


def _stored(body: bytes, policy: Policy, *, is_cut: bool, is_stream: bool = False) -> str:
    try:
        document = document_of_stream(body, load) if is_stream else _read(body, is_cut=is_cut)
        return dump(masked(document) if policy == "masked" else without_media(document))
    except (ValueError, RecursionError):
        # Nested beyond reason, or a number that no program reads: what it says cannot be taken apart, only shown whole.
        return dump({"masked": "document", "length": len(body)})


def _read(body: bytes, *, is_cut: bool) -> object:
    """Return what *body* says; text where it is no JSON."""
    if not body:
        return None
    try:
        return load(body)
    except ValueError:
        whole = mend(body) if is_cut else None
    try:
        if whole is not None:
            return load(whole)
    except ValueError:
        pass
    return body.decode(errors="replace")


def load(data: bytes) -> Any:
    """Return what *data* says.

    The standard library's reader: it takes half a surrogate pair, as engines send it that cut an emoji in two.

    Raises:
        ValueError: It is no JSON.
    """
    return json.loads(data, parse_constant=str)


def dump(document: object) -> str:
    """Return *document* as JSON that every database and every reader takes."""
    try:
        return orjson.dumps(document).decode()
    except TypeError:
        # Halves of surrogate pairs, numbers above 64 bits, deep nesting. In ASCII two halves that were joined are one character.
        return json.dumps(document, allow_nan=False)
