"""Bodies of the Responses API."""

from __future__ import annotations

import pytest

from llmlb_core import ImagePart, Message, ResponseFormat, TextPart, Tool, ToolCall, ToolChoice
from llmlb_core.errors import InvalidRequest

PATH = "/v1/responses"
TOOL = {"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": False}


def test_text_input_is_one_user_message(decode):
    """Instructions come before it."""
    request = decode(PATH, {"input": "hi", "instructions": "Be short."}).request

    assert (Message("system", (TextPart("Be short."),)), Message("user", (TextPart("hi"),))) == request.messages


def test_items_of_one_turn_become_one_message(decode):
    """Reasoning, text and calls of the model belong together; what functions returned answers them."""
    items = [
        {"role": "developer", "content": "d"},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "status": "completed",
            "content": [{"type": "output_text", "text": "ok"}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "add", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "add", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "3"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "4"}]},
        {"role": "assistant", "content": "7"},
    ]

    messages = decode(PATH, {"input": items}).request.messages

    assert (
        Message("developer", (TextPart("d"),)),
        Message("user", (TextPart("look"), ImagePart("https://x.test/a.png", "low"))),
        Message(
            "assistant", (TextPart("ok"),), tool_calls=(ToolCall("c1", "add", "{}"), ToolCall("c2", "add", "{}")), reasoning="hm"
        ),
        Message("tool", (TextPart("3"),), tool_call_id="c1"),
        Message("tool", (TextPart("4"),), tool_call_id="c2"),
        Message("assistant", (TextPart("7"),)),
    ) == messages


def test_parameters_are_read(decode):
    """Tools are flat, the format is under ``text``, logprobs under ``include``."""
    body = {
        "input": "hi",
        "tools": [TOOL],
        "tool_choice": {"type": "function", "name": "add"},
        "parallel_tool_calls": False,
        "max_output_tokens": 9,
        "text": {"format": {"type": "json_schema", "name": "p", "schema": {"type": "object"}, "strict": True}},
        "reasoning": {"effort": "high"},
        "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
        "top_logprobs": 4,
        "store": True,
        "truncation": "auto",
        "max_tool_calls": 3,
    }

    decoded = decode(PATH, body)

    request = decoded.request
    assert ((Tool("add", None, '{"type":"object"}'),), ToolChoice("required", ("add",)), False) == (
        request.tools,
        request.tool_choice,
        request.parallel_tool_calls,
    )
    assert (ResponseFormat("json_schema", "p", '{"type":"object"}', strict=True), "high", True, 4, 9) == (
        request.response_format,
        request.reasoning_effort,
        request.logprobs,
        request.top_logprobs,
        request.sampling.max_tokens,
    )
    assert {"store", "truncation", "max_tool_calls", "include[reasoning.encrypted_content]"} == set(decoded.ignored)


def test_functions_are_strict_unless_they_say_otherwise(decode):
    """The Responses API's default, unlike chat's."""
    tool = {key: value for key, value in TOOL.items() if key != "strict"}

    assert decode(PATH, {"input": "hi", "tools": [tool]}).request.tools[0].strict


WRONG = [
    ({}, "input", "Missing required"),
    ({"input": 5}, "input", "a string or an array of items"),
    ({"input": []}, "input", "empty array"),
    ({"input": ["x"]}, "input[0]", "expected an object"),
    ({"input": [{"role": "king", "content": "x"}]}, "input[0].role", "'developer'"),
    ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "input[0].content[0].type", "'input_text'"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
        "input[0].content[0].type",
        "not supported",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
        "input[0].content[0].file_id",
        "No files",
    ),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type", "no state is kept"),
    ({"input": [{"type": "web_search_call"}]}, "input[0].type", "'web_search_call'"),
    ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "input[0].call_id", "No tool call found"),
    ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id", "Missing required"),
    ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id", "no state is kept"),
    ({"input": "x", "conversation": "c"}, "conversation", "no state is kept"),
    ({"input": "x", "background": True}, "background", "not supported"),
    ({"input": "x", "prompt": {"id": "p"}}, "prompt", "not supported"),
    ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0].type", "'web_search'"),
    ({"input": "x", "tools": [TOOL], "tool_choice": {"type": "mcp"}}, "tool_choice.type", "'mcp'"),
    ({"input": "x", "text": {"format": {"type": "json_schema", "name": "p"}}}, "text.format.schema", "Missing required"),
    ({"input": "x", "text": {"verbosity": "loud"}}, "text.verbosity", "'medium'"),
    ({"input": "x", "reasoning": {"effort": "very"}}, "reasoning.effort", "'minimal'"),
    ({"input": "x", "include": ["all"]}, "include[0]", "logprobs"),
    ({"input": "x", "max_output_tokens": 0}, "max_output_tokens", "from 1"),
    ({"input": "x", "top_logprobs": 21}, "top_logprobs", "from 0 to 20"),
    ({"input": "x", "stream_options": {}}, "stream_options", "only allowed when 'stream'"),
    ({"input": "x", "metadata": {"a": "b" * 513}}, "metadata", "512"),
    ({"input": "x", "instructions": ["a"]}, "instructions", "expected a string"),
]


@pytest.mark.parametrize(("body", "param", "message"), WRONG)
def test_wrong_values_are_named_by_path(decode, body, param, message):
    """400 with ``param``, what was seen and what was expected."""
    with pytest.raises(InvalidRequest) as caught:
        decode(PATH, body)

    assert (param, True) == (caught.value.param, message in caught.value.message)


def test_background_false_is_nothing_special(decode):
    """SDKs that send defaults are served."""
    assert () == decode(PATH, {"input": "x", "background": False, "previous_response_id": None, "store": False}).ignored
