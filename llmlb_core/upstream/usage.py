"""What an answer says of its tokens, without decoding the rest of it."""

from __future__ import annotations

import msgspec

from llmlb_core.domain.results import Usage


class _Cached(msgspec.Struct):
    cached_tokens: int | None = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = 0
    input_tokens: int | None = None
    output_tokens: int | None = 0
    prompt_tokens_details: _Cached | None = None


class _Body(msgspec.Struct):
    usage: _Usage | None = None


_decode = msgspec.json.Decoder(_Body).decode


def read_usage(data: bytes) -> Usage | None:
    """Return the usage of a plain answer, or of the last event in *data* that has one; None where there is none.

    Args:
        data: A JSON document, or whole server-sent events.
    """
    if not data.startswith((b"{", b" ", b"\n")):
        at = data.rfind(b'"prompt_tokens"')
        begin = data.rfind(b"data:", 0, at) + 5
        end = data.find(b"\n", at)
        data = data[begin : end if end >= 0 else len(data)]
    try:
        usage = _decode(data).usage
    except msgspec.MsgspecError:
        return None
    if usage is None:
        return None
    details = usage.prompt_tokens_details
    return Usage(
        prompt_tokens=usage.prompt_tokens or usage.input_tokens or 0,
        completion_tokens=usage.completion_tokens or usage.output_tokens or 0,
        cached_tokens=(details.cached_tokens or 0) if details is not None else 0,
    )
