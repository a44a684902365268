"""What an answer says of its tokens, without decoding the rest of it."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import msgspec

from llmlb_core.domain.results import Usage

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_TAIL = re.compile(rb'"usage"\s*:\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})')


class MalformedAnswer(Exception):
    """An answer is no JSON object, or an error that is called a success; says which."""


class _Details(msgspec.Struct):
    cached_tokens: _Count | None = None
    reasoning_tokens: _Count | None = None
    thinking_tokens: _Count | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None
    cache_read_input_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None
    object: str | None = None
    error: Any = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_usage = msgspec.json.Decoder(_Usage | None).decode


def usage_of_answer(document: bytes | bytearray) -> Usage | None:
    """Return the usage of a plain answer; None where it says none that is understood.

    Raises:
        MalformedAnswer: *document* is no JSON object, as one that was cut; or nothing but an error, under the status of a success.
    """
    try:
        if not document.isascii():
            document.decode()  # msgspec skips over strings that nobody asked for, whatever they hold
        answer = _decode_answer(document)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        try:
            is_object = isinstance(json.loads(document.decode()), dict)  # which reads NaN, too: Python writes it
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            raise MalformedAnswer("its answer is no JSON object, or was cut") from None
        return None  # an object, whose usage is not understood
    if answer.error and answer.object is None:
        raise MalformedAnswer("it answered 200 with an error")
    return None if answer.usage is None else _usage(answer.usage)


def told_usage(usage: object) -> Usage | None:
    """Return what the member ``usage`` of a decoded answer or event says; None where that is not understood."""
    try:
        return None if usage is None else _usage(msgspec.convert(usage, _Usage))
    except msgspec.MsgspecError:
        return None


def usage_at_end(tail: bytes) -> Usage | None:
    """Return the usage in the last bytes of a plain answer that was too long to be read whole."""
    found = _TAIL.findall(tail)
    return _read(found[-1]) if found else None


def _read(document: bytes) -> Usage | None:
    try:
        usage = _decode_usage(document)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return None if usage is None else _usage(usage)


def _usage(told: _Usage) -> Usage:
    read = told.prompt_tokens_details or told.input_tokens_details
    written = told.completion_tokens_details or told.output_tokens_details
    usage = Usage(
        prompt_tokens=told.prompt_tokens or told.input_tokens or 0,
        completion_tokens=told.completion_tokens or told.output_tokens or 0,
        cached_tokens=(read.cached_tokens or 0) if read is not None else 0,
        reasoning_tokens=(written.reasoning_tokens or written.thinking_tokens or 0) if written is not None else 0,
    )
    if told.prompt_tokens is None and told.cache_read_input_tokens is not None:
        # Anthropic's input tokens are those that no cache had or was given.
        usage.cached_tokens, usage.cache_written_tokens = told.cache_read_input_tokens, told.cache_creation_input_tokens or 0
        usage.prompt_tokens += usage.cached_tokens + usage.cache_written_tokens
    return usage
