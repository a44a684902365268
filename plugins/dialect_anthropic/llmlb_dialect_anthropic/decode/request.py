"""``POST /v1/messages`` and ``/v1/messages/count_tokens``: their bodies as canonical requests."""

from __future__ import annotations

from llmlb_core import ChatRequest, CountRequest, Decoded
from llmlb_dialect_anthropic.decode.messages import read_conversation
from llmlb_dialect_anthropic.decode.parameters import (
    effectless,
    ignored_names,
    read_format,
    read_sampling,
    read_stops,
    read_thoughts,
    read_user,
)
from llmlb_dialect_anthropic.decode.tools import read_tool_choice, read_tools
from llmlb_dialect_anthropic.fields import Fields


def decode_message(fields: Fields) -> Decoded:
    """Read and check the body of a message to be answered."""
    request, ignored = _read(fields, needs_bound=True)
    return Decoded(request, ignored)


def decode_count(fields: Fields) -> Decoded:
    """Read and check the body of one that is only counted: the same, and ``max_tokens`` may be absent."""
    request, ignored = _read(fields, needs_bound=False)
    return Decoded(CountRequest(chat=request), ignored)


def _read(fields: Fields, *, needs_bound: bool) -> tuple[ChatRequest, tuple[str, ...]]:
    fields.string("model")
    fields.boolean("stream")
    sampling = read_sampling(fields, needs_bound=needs_bound)
    messages, continues = read_conversation(fields)
    tools = read_tools(fields)
    choice, is_parallel = read_tool_choice(fields, tools)
    output = fields.object("output_config")
    thoughts = read_thoughts(fields, output, sampling.max_tokens)
    request = ChatRequest(
        messages=messages,
        sampling=sampling,
        stop=read_stops(fields),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=is_parallel,
        response_format=read_format(fields, output),
        reasoning_effort=thoughts.effort,
        thinking_tokens=thoughts.tokens,
        user=read_user(fields),
        continues=continues,
    )
    ignored = effectless(fields)
    return request, ignored_names([*ignored, *fields.unread])
