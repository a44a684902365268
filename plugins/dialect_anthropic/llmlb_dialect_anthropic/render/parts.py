"""What both forms of answers share: usage, the reason for the end, and the wish to see no thinking."""

from __future__ import annotations

import msgspec

from llmlb_core import Call, Delta, Result, Usage
from llmlb_core.errors import EngineFailed

SSE = "text/event-stream; charset=utf-8"
JSON = "application/json"

Json = dict[str, object]

_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


class _Thinking(msgspec.Struct):
    display: str | None = None


class _Body(msgspec.Struct):
    thinking: _Thinking | None = None


_decode = msgspec.json.Decoder(_Body).decode


def omits_thinking(call: Call) -> bool:
    """Whether *call* asks for thinking that cannot be read; the body was checked by then, one that was not asks for nothing."""
    if b'"omitted"' not in call.body:
        return False
    try:
        thinking = _decode(call.body).thinking
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return thinking is not None and thinking.display == "omitted"


def usage_object(usage: Usage) -> Json:
    """Return ``usage``: prompt tokens apart from those that a cache had, or was given."""
    members: Json = {
        "input_tokens": max(0, usage.prompt_tokens - usage.cached_tokens - usage.cache_written_tokens),
        "cache_creation_input_tokens": usage.cache_written_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
    if usage.reasoning_tokens:
        members["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return members


def as_delta(result: Result) -> Delta:
    """Return *result*, which must be text."""
    if isinstance(result, Delta):
        return result
    raise EngineFailed("The model answered with something else where text was asked for; see the plugin that serves it.")


def unfinished() -> EngineFailed:
    """Make the error for an answer that ended before its end: a cut one is never presented as success."""
    return EngineFailed("The answer ended before it was finished; try the call again.")


def ending(last: Delta) -> Json:
    """Return ``stop_reason`` and ``stop_sequence`` of an answer that ended with *last*."""
    if last.finish == "stop" and last.stop is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": last.stop}
    return {"stop_reason": _REASONS.get(last.finish or "stop", "end_turn"), "stop_sequence": None}
