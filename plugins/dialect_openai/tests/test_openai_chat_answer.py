"""Plain chats."""

from __future__ import annotations

import pytest
from openai.types.chat import ChatCompletion

from llmlb_core import Delta, TokenLogprob, ToolCallDelta, Usage
from llmlb_core.errors import EngineFailed

CHAT = "/v1/chat/completions"
HELLO = {"messages": [{"role": "user", "content": "hi"}]}
FUNCTION = {"name": "add", "parameters": {"type": "object"}}


def test_answer_is_valid_by_the_sdk_read_strictly(render, strictly):
    """Text, finish, usage with details; ``refusal`` and ``logprobs`` are null."""
    body = render(CHAT, HELLO, [Delta(text="Hel"), Delta(text="lo", finish="stop"), Delta(usage=Usage(5, 2, 1))])

    answer = strictly(ChatCompletion, body)

    choice = answer.choices[0]
    assert ("assistant", "Hello", None) == (choice.message.role, choice.message.content, choice.message.refusal)
    assert ("stop", None) == (choice.finish_reason, choice.logprobs)
    assert (5, 2, 7, 1) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
        answer.usage.total_tokens,
        answer.usage.prompt_tokens_details.cached_tokens,
    )
    assert "served" == answer.model
    assert b'"refusal":null' in body
    assert b'"logprobs":null' in body


def test_choices_are_in_order_whatever_order_they_finished_in(render, strictly):
    """Index 0 … n-1."""
    deltas = [Delta(2, "c", finish="stop"), Delta(0, "a", finish="stop"), Delta(1, "b", finish="length"), Delta(usage=Usage(1, 3))]

    answer = strictly(ChatCompletion, render(CHAT, {**HELLO, "n": 3}, deltas))

    assert [(0, "a", "stop"), (1, "b", "length"), (2, "c", "stop")] == [
        (choice.index, choice.message.content, choice.finish_reason) for choice in answer.choices
    ]


def test_tool_calls_are_put_together_and_content_is_null(render, strictly):
    """Two calls, one in pieces."""
    deltas = [
        Delta(tool_calls=(ToolCallDelta(0, "call_a", "add", '{"x"'),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments=":1}"),)),
        Delta(tool_calls=(ToolCallDelta(1, "call_b", "add", "{}"),), finish="tool_calls"),
    ]

    answer = strictly(ChatCompletion, render(CHAT, {**HELLO, "tools": [{"type": "function", "function": FUNCTION}]}, deltas))

    message = answer.choices[0].message
    assert message.content is None
    assert [("call_a", "add", '{"x":1}'), ("call_b", "add", "{}")] == [
        (call.id, call.function.name, call.function.arguments) for call in message.tool_calls
    ]


def test_older_functions_are_answered_as_function_call(render, strictly):
    """``function_call`` instead of ``tool_calls``."""
    deltas = [Delta(tool_calls=(ToolCallDelta(0, "call_a", "add", "{}"),), finish="tool_calls")]

    choice = strictly(ChatCompletion, render(CHAT, {**HELLO, "functions": [FUNCTION]}, deltas)).choices[0]

    assert ("add", "function_call", None) == (choice.message.function_call.name, choice.finish_reason, choice.message.tool_calls)


def test_logprobs_are_under_content(render, strictly):
    """One entry a token, values at most 0."""
    deltas = [Delta(text="a", logprobs=(TokenLogprob("a", -0.25, (97,)),)), Delta(finish="stop")]

    choice = strictly(ChatCompletion, render(CHAT, {**HELLO, "logprobs": True}, deltas)).choices[0]

    assert [("a", -0.25, [97], [])] == [(e.token, e.logprob, e.bytes, e.top_logprobs) for e in choice.logprobs.content]


def test_answer_without_a_finish_is_an_error(render):
    """A plain answer that was cut is raised, so that it can be tried again."""
    with pytest.raises(EngineFailed, match="choice 0"):
        render(CHAT, HELLO, [Delta(text="a")])


def test_ids_are_unique(render, strictly):
    """No two answers share one (24157000-F4)."""
    ids = {strictly(ChatCompletion, render(CHAT, HELLO, [Delta(finish="stop")])).id for _ in range(200)}

    assert 200 == len(ids)


def test_sdk_parses_structured_answers(sdk):
    """``parse`` sends a strict JSON schema and reads the answer back into a model."""
    from pydantic import BaseModel

    class Point(BaseModel):
        x: int

    answer = sdk([Delta(text='{"x":3}'), Delta(finish="stop")]).chat.completions.parse(
        model="m", messages=HELLO["messages"], response_format=Point
    )

    assert Point(x=3) == answer.choices[0].message.parsed
