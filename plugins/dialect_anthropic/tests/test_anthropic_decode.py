"""Bodies of messages: what they become."""

from __future__ import annotations

import json

import pytest

from llmlb_core import (
    CountRequest,
    ImagePart,
    Message,
    ResponseFormat,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
)

COUNT = "/v1/messages/count_tokens"
USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": [1, "ü"]}}
SECOND = {"type": "tool_use", "id": "toolu_2", "name": "add", "input": {}}
TOOL = {"name": "add", "description": "adds", "input_schema": {"type": "object"}}


def user(*content):
    return {"role": "user", "content": list(content)}


def assistant(*content):
    return {"role": "assistant", "content": list(content)}


def text(words):
    return {"type": "text", "text": words}


def result(call_id, content=None, **members):
    return {"type": "tool_result", "tool_use_id": call_id, **({} if content is None else {"content": content}), **members}


def test_the_smallest_body_has_defaults(decode, body):
    """The model's own sampling, free text, nothing ignored."""
    decoded = decode(body)

    request = decoded.request
    assert (Message("user", (TextPart("hi"),)),) == request.messages
    assert (16, None, (), (), None, None, None) == (
        request.sampling.max_tokens,
        request.sampling.temperature,
        request.stop,
        request.tools,
        request.thinking_tokens,
        request.reasoning_effort,
        request.user,
    )
    assert (ResponseFormat(), ToolChoice(), True, False, ()) == (
        request.response_format,
        request.tool_choice,
        request.parallel_tool_calls,
        request.continues,
        decoded.ignored,
    )


def test_every_sampling_parameter_is_read(decode, body):
    """And stop sequences, and who asks."""
    more = {"temperature": 0, "top_p": 0.5, "top_k": 3, "stop_sequences": ["a", "b", "c", "d", "e"], "metadata": {"user_id": "u-1"}}

    request = decode(body | more).request

    assert (0.0, 0.5, 3) == (request.sampling.temperature, request.sampling.top_p, request.sampling.top_k)
    assert (("a", "b", "c", "d", "e"), "u-1") == (request.stop, request.user)


@pytest.mark.parametrize(
    "system", ["Be brief.", [text("Be brief.")], [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]]
)
def test_the_system_prompt_comes_first(decode, body, system):
    """However it is written."""
    request = decode(body | {"system": system}).request

    assert Message("system", (TextPart("Be brief."),)) == request.messages[0]


def test_several_system_blocks_stay_apart(decode, body):
    """By an empty line, for templates that know one text only."""
    request = decode(body | {"system": [text("One."), text("Two.")]}).request

    assert "One.\n\nTwo." == request.messages[0].text


def test_an_empty_system_prompt_is_none(decode, body):
    """As some clients send it."""
    assert "user" == decode(body | {"system": ""}).request.messages[0].role


def test_a_system_message_among_the_others_keeps_its_place(decode, body):
    """Newer clients write such."""
    messages = [user(text("a")), {"role": "system", "content": "now be brief"}, assistant(text("b")), user(text("c"))]

    request = decode(body | {"messages": messages}).request

    assert ["user", "system", "assistant", "user"] == [message.role for message in request.messages]


def test_images_are_urls(decode, body):
    """Those in base64 as data URLs."""
    inline = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}
    linked = {"type": "image", "source": {"type": "url", "url": "https://example/x.png"}}

    request = decode(body | {"messages": [user(inline, text("what?"), linked)]}).request

    assert (ImagePart("data:image/png;base64,QQ=="), TextPart("what?"), ImagePart("https://example/x.png")) == request.messages[
        0
    ].parts


def test_calls_and_their_results_are_read(decode, body):
    """Several at once, text and images in a result, a failure, a result that is nothing; results come before what else is said."""
    image = {"type": "image", "source": {"type": "url", "url": "https://example/x.png"}}
    answer = user(text("and?"), result("toolu_2", is_error=True), result("toolu_1", [text("3"), image]))
    messages = [user(text("1+2")), assistant(text("Let me see."), USE, SECOND), answer]

    request = decode(body | {"messages": messages, "tools": [TOOL]}).request

    _, called, second, first, asked = request.messages
    assert (ToolCall("toolu_1", "add", '{"a":[1,"ü"]}'), ToolCall("toolu_2", "add", "{}")) == called.tool_calls
    assert "Let me see." == called.text
    assert Message("tool", (), tool_call_id="toolu_2", is_error=True) == second
    assert Message("tool", (TextPart("3"), ImagePart("https://example/x.png")), tool_call_id="toolu_1") == first
    assert Message("user", (TextPart("and?"),)) == asked


def test_consecutive_messages_of_one_role_are_one_turn(decode, body):
    """As the reference says; an empty line between their texts, results in any of them."""
    messages = [
        user(text("a")),
        user(text("b")),
        assistant(text("c")),
        assistant(USE, SECOND),
        user(result("toolu_1", "1")),
        user(result("toolu_2", "2"), text("d")),
    ]

    request = decode(body | {"messages": messages}).request

    assert ["user", "assistant", "tool", "tool", "user"] == [message.role for message in request.messages]
    assert ("a\n\nb", "c", 2) == (request.messages[0].text, request.messages[1].text, len(request.messages[1].tool_calls))


def test_thinking_is_kept_with_its_seal(decode, body):
    """Character for character; what was never sealed is only read."""
    blocks = [
        {"type": "thinking", "thinking": "hm ", "signature": "c2ln+/=="},
        {"type": "redacted_thinking", "data": "ZGF0YQ"},
        {"type": "thinking", "thinking": "so", "signature": ""},
    ]

    request = decode(body | {"messages": [user(text("a")), assistant(*blocks, text("b")), user(text("c"))]}).request

    message = request.messages[1]
    assert "hm so" == message.reasoning
    assert (
        Thinking("anthropic", "thinking", "hm ", "c2ln+/=="),
        Thinking("anthropic", "redacted_thinking", "", "ZGF0YQ"),
    ) == message.thinking


@pytest.mark.parametrize(
    ("thinking", "output", "expected"),
    [
        ({"type": "enabled", "budget_tokens": 2048}, None, (2048, None)),
        ({"type": "disabled"}, None, (0, None)),
        ({"type": "adaptive"}, {"effort": "high"}, (None, "high")),
        ({"type": "between_tools"}, None, (None, None)),
        (None, {"effort": "max"}, (None, "max")),
    ],
)
def test_how_much_is_thought_is_read(decode, body, thinking, output, expected):
    """A budget, none at all, or as the model likes; and effort."""
    request = decode(body | {"max_tokens": 4096, "thinking": thinking, "output_config": output}).request

    assert expected == (request.thinking_tokens, request.reasoning_effort)


@pytest.mark.parametrize("older", [True, False])
def test_a_schema_is_read(decode, body, older):
    """In ``output_config``, and where it was before."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    given = {"type": "json_schema", "schema": schema}

    response_format = decode(
        body | ({"output_format": given} if older else {"output_config": {"format": given}})
    ).request.response_format

    assert ("json_schema", schema, True) == (response_format.type, json.loads(response_format.schema_json), response_format.strict)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, (ToolChoice("auto"), True)),
        ({"type": "any", "disable_parallel_tool_use": True}, (ToolChoice("required"), False)),
        ({"type": "tool", "name": "add"}, (ToolChoice("required", ("add",)), True)),
        ({"type": "none"}, (ToolChoice("none"), True)),
    ],
)
def test_tools_and_their_choice_are_read(decode, body, choice, expected):
    """With description, schema and strictness."""
    tools = [
        TOOL | {"type": "custom", "strict": True, "cache_control": {"type": "ephemeral"}},
        {"name": "b", "input_schema": {"type": "object"}},
    ]

    request = decode(body | {"tools": tools, "tool_choice": choice}).request

    assert (Tool("add", "adds", '{"type":"object"}', strict=True), Tool("b", None, '{"type":"object"}')) == request.tools
    assert expected == (request.tool_choice, request.parallel_tool_calls)


@pytest.mark.parametrize(("said", "expected"), [("The answer is", True), ([text("The answer is")], True), ("", False), ([], False)])
def test_an_answer_that_was_begun_is_gone_on_with(decode, body, said, expected):
    """Where the last message is the model's; an empty one is none."""
    request = decode(body | {"messages": [*body["messages"], {"role": "assistant", "content": said}]}).request

    assert expected == request.continues
    assert ("assistant" if expected else "user") == request.messages[-1].role


def test_documents_that_are_text_are_read_as_text(decode, body):
    """With title and context; search results, too."""
    blocks = [
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "D"}, "title": "T", "context": "C"},
        {"type": "document", "source": {"type": "content", "content": [text("E")]}},
        {"type": "search_result", "title": "F", "source": "https://example/", "content": [text("G")]},
    ]

    request = decode(body | {"messages": [user(*blocks)]}).request

    assert ["T\n\nC\n\nD", "E", "F\nhttps://example/\n\nG"] == [part.text for part in request.messages[0].parts]


def test_what_has_no_effect_is_named(decode, body):
    """Marks for a cache are no such thing, nor is what asks for nothing."""
    more = {"service_tier": "auto", "speed": "fast", "cache_control": {"type": "ephemeral"}, "inference_geo": "eu", "novelty": {}}

    assert ("speed", "inference_geo", "novelty") == decode(body | more).ignored


def test_a_count_takes_the_same_body_and_needs_no_limit(decode, body):
    """The conversation is what is counted."""
    del body["max_tokens"]

    decoded = decode(body | {"system": "s", "tools": [TOOL]}, COUNT)

    assert isinstance(decoded.request, CountRequest)
    assert (2, 1) == (len(decoded.request.chat.messages), len(decoded.request.chat.tools))
