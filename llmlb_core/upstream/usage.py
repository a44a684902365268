"""What an answer says of its tokens, without decoding the rest of it."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from llmlb_core.domain.results import Usage

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_TAIL = re.compile(rb'"usage"\s*:\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})')


class MalformedAnswer(Exception):
    """An answer is no JSON object."""


class _Details(msgspec.Struct):
    cached_tokens: _Count | None = None
    reasoning_tokens: _Count | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Response(msgspec.Struct):
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    usage: _Usage | None = None
    response: _Response | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None


class _Object(msgspec.Struct):
    """Any JSON object."""


_decode_object = msgspec.json.Decoder(_Object).decode
_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_usage = msgspec.json.Decoder(_Usage | None).decode


def usage_of_answer(document: bytes | bytearray) -> Usage | None:
    """Return the usage of a plain answer; None where it says none that is understood.

    Raises:
        MalformedAnswer: *document* is no JSON object: cut, or not JSON at all.
    """
    try:
        usage = _decode_answer(document).usage
    except (msgspec.MsgspecError, UnicodeDecodeError):
        try:
            _decode_object(document)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MalformedAnswer from error
        return None  # an object, whose usage is not understood
    return None if usage is None else _usage(usage)


def usage_at_end(tail: bytes) -> Usage | None:
    """Return the usage in the last bytes of a plain answer that was too long to be read whole."""
    found = _TAIL.findall(tail)
    return _read(found[-1]) if found else None


def usage_of_events(events: bytes) -> Usage | None:
    """Return the usage of the last of *events* that speaks of tokens; None where that is not understood."""
    at = events.rfind(b'_tokens"')
    begin = max(events.rfind(b"\n", 0, at), events.rfind(b"\r", 0, at)) + 1
    end = events.find(b"\n", at)
    line = events[begin : end if end >= 0 else len(events)]
    try:
        event = _decode_event(line.removeprefix(b"data:"))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    usage = event.usage or (event.response.usage if event.response is not None else None)
    return None if usage is None else _usage(usage)


def _read(document: bytes) -> Usage | None:
    try:
        usage = _decode_usage(document)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return None if usage is None else _usage(usage)


def _usage(told: _Usage) -> Usage:
    read = told.prompt_tokens_details or told.input_tokens_details
    written = told.completion_tokens_details or told.output_tokens_details
    return Usage(
        prompt_tokens=told.prompt_tokens or told.input_tokens or 0,
        completion_tokens=told.completion_tokens or told.output_tokens or 0,
        cached_tokens=(read.cached_tokens or 0) if read is not None else 0,
        reasoning_tokens=(written.reasoning_tokens or 0) if written is not None else 0,
    )
