"""Streamed chats: the transcript, and the SDK's reading of it."""

from __future__ import annotations

import json

import pytest
from openai.types.chat import ChatCompletionChunk

from llmlb_core import Delta, TokenLogprob, ToolCallDelta, TopLogprob, Usage, Vectors
from llmlb_core.errors import EngineFailed

CHAT = "/v1/chat/completions"
HELLO = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
USAGE = Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=2, reasoning_tokens=1)


def test_stream_is_role_then_text_then_finish_then_done(render, split_frames, strictly):
    """The transcript of the smallest stream, chunk by chunk."""
    frames = split_frames(render(CHAT, HELLO, [Delta(text="Hel"), Delta(text="lo"), Delta(finish="stop"), Delta(usage=USAGE)]))

    chunks = [strictly(ChatCompletionChunk, data) for _, data in frames[:-1]]

    first = json.loads(frames[0][1])
    assert "chat.completion.chunk" == first["object"]
    assert "served" == first["model"]
    assert [{"role": "assistant", "content": "", "refusal": None}, {"content": "Hel"}, {"content": "lo"}, {}] == [
        json.loads(data)["choices"][0]["delta"] for _, data in frames[:-1]
    ]
    assert [None, None, None, "stop"] == [chunk.choices[0].finish_reason for chunk in chunks]
    assert 1 == len({chunk.id for chunk in chunks})
    assert chunks[0].id.startswith("chatcmpl-")
    assert (None, "[DONE]") == frames[-1]
    assert all("usage" not in json.loads(data) for _, data in frames[:-1])


def test_usage_comes_in_a_last_chunk_without_choices_when_asked_for(render, split_frames, strictly):
    """Every other chunk says ``usage: null``, as OpenAI's do."""
    body = {**HELLO, "stream_options": {"include_usage": True}}
    frames = split_frames(render(CHAT, body, [Delta(text="a"), Delta(text="b", finish="stop"), Delta(usage=USAGE)]))

    chunks = [json.loads(data) for _, data in frames[:-1]]

    assert [] == chunks[-1]["choices"]
    usage = strictly(ChatCompletionChunk, frames[-2][1]).usage
    assert (9, 3, 12, 2, 1) == (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.total_tokens,
        usage.prompt_tokens_details.cached_tokens,
        usage.completion_tokens_details.reasoning_tokens,
    )
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


def test_each_choice_begins_with_its_role_and_ends_with_its_finish(render, split_frames):
    """Choices may come interleaved."""
    deltas = [Delta(1, "b"), Delta(0, "a"), Delta(1, finish="length"), Delta(0, "a"), Delta(0, finish="stop")]
    frames = split_frames(render(CHAT, {**HELLO, "n": 2}, deltas))

    choices = [json.loads(data)["choices"][0] for _, data in frames[:-1]]

    by_index = {index: [choice for choice in choices if choice["index"] == index] for index in (0, 1)}
    assert all("assistant" == chunks[0]["delta"]["role"] for chunks in by_index.values())
    assert ["stop", "length"] == [by_index[index][-1]["finish_reason"] for index in (0, 1)]
    assert "aa" == "".join(chunk["delta"].get("content") or "" for chunk in by_index[0])


def test_tool_call_pieces_carry_id_and_name_once(render, split_frames, strictly):
    """The first piece of each call has id, type and name; later ones only arguments."""
    deltas = [
        Delta(tool_calls=(ToolCallDelta(0, "call_a", "add", ""),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments='{"a":'),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments="1}"), ToolCallDelta(1, "call_b", "add", "{}"))),
        Delta(finish="tool_calls"),
    ]
    frames = split_frames(render(CHAT, {**HELLO, "tools": [TOOL]}, deltas))

    calls = [json.loads(data)["choices"][0]["delta"].get("tool_calls") for _, data in frames[1:-2]]

    assert None is json.loads(frames[0][1])["choices"][0]["delta"]["content"]
    assert [{"index": 0, "id": "call_a", "type": "function", "function": {"name": "add", "arguments": ""}}] == calls[0]
    assert [{"index": 0, "function": {"arguments": '{"a":'}}] == calls[1]
    assert [0, 1] == [piece["index"] for piece in calls[2]]
    assert "tool_calls" == strictly(ChatCompletionChunk, frames[-2][1]).choices[0].finish_reason


def test_older_functions_are_answered_as_function_call(render, split_frames, strictly):
    """Who offers ``functions`` gets ``function_call``, and that finish reason."""
    deltas = [Delta(tool_calls=(ToolCallDelta(0, "call_a", "add", "{}"),)), Delta(finish="tool_calls")]
    frames = split_frames(render(CHAT, {**HELLO, "functions": [{"name": "add", "parameters": {"type": "object"}}]}, deltas))

    chunks = [strictly(ChatCompletionChunk, data) for _, data in frames[:-1]]

    assert ("add", "{}") == (chunks[1].choices[0].delta.function_call.name, chunks[1].choices[0].delta.function_call.arguments)
    assert "function_call" == chunks[-1].choices[0].finish_reason


def test_logprobs_ride_on_the_chunk_of_their_text(render, split_frames, strictly):
    """A token of half a character comes with its bytes and no text; impossible values become -9999."""
    entry = TokenLogprob("H", -0.5, (72,), (TopLogprob("H", -0.5, (72,)), TopLogprob("J", float("-inf"), (74,))))
    half = TokenLogprob("\ufffd", -0.1, (0xE3, 0x81))
    deltas = [Delta(text="H", logprobs=(entry,)), Delta(logprobs=(half,)), Delta(text="x", finish="stop")]
    frames = split_frames(render(CHAT, {**HELLO, "logprobs": True, "top_logprobs": 2}, deltas))

    chunks = [strictly(ChatCompletionChunk, data) for _, data in frames[:-1]]

    first = chunks[1].choices[0].logprobs.content[0]
    assert ("H", -0.5, [72]) == (first.token, first.logprob, first.bytes)
    assert [-0.5, -9999.0] == [top.logprob for top in first.top_logprobs]
    assert [0xE3, 0x81] == chunks[2].choices[0].logprobs.content[0].bytes
    assert "" == chunks[2].choices[0].delta.content


def test_reasoning_is_kept_apart_from_the_answer(render, split_frames):
    """Thinking comes as ``reasoning_content``."""
    frames = split_frames(render(CHAT, HELLO, [Delta(reasoning="hm"), Delta(text="4"), Delta(finish="stop")]))

    deltas = [json.loads(data)["choices"][0]["delta"] for _, data in frames[:-1]]

    assert {"reasoning_content": "hm"} == deltas[1]
    assert {"content": "4"} == deltas[2]


def test_stream_without_a_finish_ends_in_an_error_and_no_done(render, split_frames):
    """A cut answer is never presented as success."""
    frames = split_frames(render(CHAT, {**HELLO, "n": 2}, [Delta(0, "a"), Delta(0, finish="stop"), Delta(1, "b")]))

    error = json.loads(frames[-1][1])["error"]

    assert "engine_failed" == error["code"]
    assert "choice 1" in error["message"]
    assert {"message", "type", "param", "code"} <= error.keys()


def test_lone_surrogates_never_break_a_stream(render, split_frames):
    """Text that is not UTF-8 is replaced, not raised."""
    frames = split_frames(render(CHAT, HELLO, [Delta(text="a"), Delta(text="\ud800"), Delta(finish="stop")]))

    assert "?" == json.loads(frames[2][1])["choices"][0]["delta"]["content"]


def test_sdk_stream_helper_accumulates_text_and_calls(sdk):
    """The SDK's own accumulator accepts the stream."""
    deltas = [
        Delta(text="ok"),
        Delta(tool_calls=(ToolCallDelta(0, "call_a", "add", '{"a"'),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments=":1}"),)),
        Delta(finish="tool_calls"),
    ]

    with sdk(deltas).chat.completions.stream(model="m", messages=HELLO["messages"], tools=[TOOL]) as stream:
        message = stream.get_final_completion().choices[0].message

    assert "ok" == message.content
    assert ("call_a", '{"a":1}') == (message.tool_calls[0].id, message.tool_calls[0].function.arguments)


def test_vectors_where_text_was_asked_for_are_an_engine_failure(renderer_of):
    """A plugin's mistake is named, not rendered."""
    renderer = renderer_of(CHAT, HELLO)

    with pytest.raises(EngineFailed, match="vectors"):
        renderer.feed(Vectors(b"", 0, 0))
