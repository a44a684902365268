"""What relatives of OpenAI's service do differently, and what its own limits are."""

from __future__ import annotations

import json

import pytest
from llmlb_dialect_openai.server.dialect import OpenAIServerDialect

from llmlb_core import (
    ChatRequest,
    CompletionRequest,
    Delta,
    Message,
    TextPart,
    TokenLogprob,
    Tool,
    ToolChoice,
    TopLogprob,
    Usage,
)

ASKED = (Message("user", (TextPart("Hi"),)),)
DIALECT = OpenAIServerDialect()


def event(delta, finish=None, **members):
    """Write a chunk of the first choice."""
    chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **members}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def read(*events):
    """Read a stream."""
    reader = DIALECT.answer(ChatRequest(messages=ASKED), stream=True)
    for each in events:
        reader.read(each)
    return reader


def body_of(request, model):
    """Write *request*."""
    return json.loads(DIALECT.encode(request, model, stream=False).body)


def test_usage_in_every_chunk_is_told_once_and_last():
    """Some servers count along; what they say at the end is what holds."""
    counted = [{"prompt_tokens": 3, "completion_tokens": number} for number in (1, 2, 2)]

    reader = read(
        event({"content": "a"}, usage=counted[0]),
        event({"content": "b"}, usage=counted[1]),
        event({}, "stop", usage=counted[2]),
        b"data: [DONE]\n\n",
    )

    assert [Delta(text="a"), Delta(text="b"), Delta(finish="stop"), Delta(usage=Usage(3, 2))] == reader.results


def test_usage_behind_the_end_of_fewer_choices_than_asked_for_is_told():
    """Many servers know no ``n`` and give one."""
    reader = DIALECT.answer(ChatRequest(messages=ASKED, n=2), stream=True)

    reader.read(event({"content": "a"}) + event({}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 1}))
    reader.read(b"data: [DONE]\n\n")

    assert [Delta(text="a"), Delta(finish="stop"), Delta(usage=Usage(1, 1))] == reader.results
    assert reader.is_finished


def test_half_a_surrogate_pair_is_no_fault():
    """JavaScript cuts characters in two; a relayed stream goes on, and so does one that is translated."""
    reader = read(b'data: {"choices":[{"index":0,"delta":{"content":"a\\ud83d"}}]}\n\n', event({}, "stop"))

    assert reader.fault is None
    assert "a" == reader.results[0].text[0]
    assert reader.is_finished


def test_nan_in_log_probabilities_is_no_fault():
    """Python's servers write it."""
    entry = b'{"token":"a","logprob":NaN,"bytes":[97],"top_logprobs":[]}'
    reader = read(
        b'data: {"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[' + entry + b"]}}]}\n\n", event({}, "stop")
    )

    assert reader.fault is None
    assert "a" == reader.results[0].text


def test_log_probabilities_of_completions_are_read():
    """Their older form: lists beside one another."""
    told = {"tokens": ["a", "b"], "token_logprobs": [None, -0.5], "top_logprobs": [None, {"b": -0.5}], "text_offset": [0, 1]}
    answer = {"choices": [{"index": 0, "text": "ab", "logprobs": told, "finish_reason": "stop"}]}
    reader = DIALECT.answer(CompletionRequest(prompts=("x",), logprobs=True), stream=False)

    reader.read_plain(json.dumps(answer).encode())

    entries = (TokenLogprob("a", 0.0, (97,)), TokenLogprob("b", -0.5, (98,), (TopLogprob("b", -0.5, (98,)),)))
    assert [Delta(text="ab", logprobs=entries), Delta(finish="stop")] == reader.results


@pytest.mark.parametrize(("mode", "expected"), [("auto", None), ("required", "required")])
def test_tools_that_are_not_allowed_are_left_out_for_other_servers(mode, expected):
    """They know no sets of allowed tools; OpenAI's own models do, and keep their cache of the whole list."""
    tools = (Tool("a"), Tool("b"), Tool("c"))
    request = ChatRequest(messages=ASKED, tools=tools, tool_choice=ToolChoice(mode, ("a", "c")))

    other, own = body_of(request, "qwen3-8b"), body_of(request, "gpt-5-mini")

    assert ["a", "c"] == [tool["function"]["name"] for tool in other["tools"]]
    assert expected == other.get("tool_choice")
    assert (3, "allowed_tools") == (len(own["tools"]), own["tool_choice"]["type"])


def test_long_name_of_a_user_is_hashed():
    """OpenAI takes 64 characters, and clients of other APIs write more; the same user stays the same."""
    long = body_of(ChatRequest(messages=ASKED, user="u" * 141), "gpt-5-mini")["user"]

    assert (64, long) == (len(long), body_of(ChatRequest(messages=ASKED, user="u" * 141), "m")["user"])
    assert "u" * 64 == body_of(ChatRequest(messages=ASKED, user="u" * 64), "m")["user"]
