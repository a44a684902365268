"""What the answer of a server says: JSON of a shape, or an error in words for an operator."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from llmlb_core.contracts.endpoint_kind import Answer
from llmlb_core.errors import AnswerNotJson, AnswerUnexpected

_SHOWN = 200

Shape = TypeVar("Shape")


def json_of(answer: Answer, shape: type[Shape], name: str, question: str, key: str | None) -> Shape:
    """Return the JSON of *answer*; members that *shape* does not name are skipped.

    Args:
        answer: What came.
        shape: What is expected.
        name: Of the endpoint.
        question: Such as ``GET /v1/models``, for messages.
        key: Never shown, even where the server repeats it.

    Raises:
        AnswerNotJson: A web page, or something else.
        AnswerUnexpected: Another status than 2xx, or another shape.
    """
    if not answer.is_ok:
        raise _unexpected(answer, name, question, key)
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except msgspec.ValidationError as error:
        raise AnswerUnexpected(
            f"Endpoint '{name}' answered {question} with JSON of another shape: {error}.", endpoint=name, status=answer.status
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        seen = "a web page (HTML)" if _is_page(answer) else f"{len(answer.body):,} bytes that are no JSON"
        if answer.headers.get("content-encoding", "identity") != "identity":
            seen = "compressed bytes, which were not asked for,"
        raise AnswerNotJson(
            f"Endpoint '{name}' answered {question} with {seen} where JSON was expected; is its url the address of an API?",
            endpoint=name,
            status=answer.status,
        ) from error


def text_of(answer: Answer, name: str, question: str, key: str | None) -> str:
    """Return the text of *answer*; what is no UTF-8 becomes U+FFFD.

    Raises:
        AnswerUnexpected: Another status than 2xx.
    """
    if not answer.is_ok:
        raise _unexpected(answer, name, question, key)
    return answer.body.decode("utf-8", "replace")


class _Said(msgspec.Struct):
    """Where servers put what went wrong."""

    error: object = None
    message: object = None
    detail: object = None


def _unexpected(answer: Answer, name: str, question: str, key: str | None) -> AnswerUnexpected:
    """Say the status, and what the server said of it."""
    said = "a web page (HTML)" if _is_page(answer) else _said(answer.body)
    if key:
        said = said.replace(key, "…")
    words = "".join(character if character.isprintable() else " " for character in said)[:_SHOWN].strip()
    told = f": {words}" if words else ""
    return AnswerUnexpected(
        f"Endpoint '{name}' answered {question} with {answer.status}{told}.", endpoint=name, status=answer.status
    )


def _said(body: bytes) -> str:
    try:
        said = msgspec.json.decode(body, type=_Said)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    for found in (said.error, said.message, said.detail):
        inner = found.get("message") if isinstance(found, dict) else found
        if isinstance(inner, str):
            return inner
    return ""


def _is_page(answer: Answer) -> bool:
    start = answer.body[:64].lstrip().lower()
    return "html" in answer.headers.get("content-type", "").lower() or start.startswith((b"<!doctype html", b"<html"))
