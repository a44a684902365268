"""Canonical requests as Anthropic's servers are sent them: what is written where, checked against the official SDK's types."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_dialect_anthropic.server.dialect import AnthropicServerDialect
from llmlb_testing.providers.anthropic import FakeAnthropic
from llmlb_testing.providers.base import Asked

from llmlb_core import (
    ChatRequest,
    CountRequest,
    ImagePart,
    Message,
    ResponseFormat,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
)
from llmlb_core.errors import UnsupportedParameter

DIALECT = AnthropicServerDialect()
OLD, NEW = "claude-sonnet-4-5", "claude-opus-5-5"
HI = Message("user", (TextPart("hi"),))
PIXEL = "data:image/png;base64,iVBORw0KGgo="
WEATHER = Tool("weather", "Of a town.", '{"type":"object","properties":{"town":{"type":"string"}}}')


def body(request, model=OLD, *, stream=False):
    """Return what is sent, after the provider's schema has allowed it."""
    encoded = DIALECT.encode(request, model, stream=stream)
    path = f"/v1{encoded.path}"
    asked = Asked("POST", path, "", {"anthropic-version": "2023-06-01"}, json.loads(encoded.body))
    assert [] == FakeAnthropic().check(asked)
    return asked.json


def chat(*messages, **members):
    return ChatRequest(messages=messages or (HI,), **members)


def test_a_plain_question_is_a_turn_of_blocks():
    """The limit that the API demands is there."""
    expected = {"model": OLD, "max_tokens": 16_384, "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}

    assert expected == body(chat())


def test_system_and_developer_messages_stand_in_their_own_place():
    """Wherever they stood."""
    messages = Message("system", (TextPart("Be brief."),)), HI, Message("developer", (TextPart("Be kind."),))

    made = body(chat(*messages))

    assert ["Be brief.", "Be kind."] == [block["text"] for block in made["system"]]
    assert ["user"] == [turn["role"] for turn in made["messages"]]


def test_a_round_of_parallel_tools_is_two_turns():
    """Calls of the assistant in one, their results in the next, with the next question behind them."""
    calls = ToolCall("t1", "weather", '{"town":"Oslo"}'), ToolCall("t2", "weather", "")
    messages = (
        HI,
        Message("assistant", (TextPart("Let me look."),), tool_calls=calls),
        Message("tool", (TextPart("cold"),), tool_call_id="t1"),
        Message("tool", (TextPart("no such town"), ImagePart(PIXEL)), tool_call_id="t2", is_error=True),
        Message("user", (TextPart("and?"),)),
    )

    turns = body(chat(*messages, tools=(WEATHER,)))["messages"]

    assert ["user", "assistant", "user"] == [turn["role"] for turn in turns]
    assert ["text", "tool_use", "tool_use"] == [block["type"] for block in turns[1]["content"]]
    assert [{"town": "Oslo"}, {}] == [block["input"] for block in turns[1]["content"][1:]]
    first, second, text = turns[2]["content"]
    assert ("t1", False, "t2", True, "and?") == (
        first["tool_use_id"],
        "is_error" in first,
        second["tool_use_id"],
        second["is_error"],
        text["text"],
    )


def test_images_go_as_they_came():
    """Inline ones as base64, others by their URL."""
    made = body(chat(Message("user", (ImagePart(PIXEL), ImagePart("https://a.example/x.png")))))

    assert [
        {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
        {"type": "url", "url": "https://a.example/x.png"},
    ] == [block["source"] for block in made["messages"][0]["content"]]


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_sealed_thinking_goes_back_character_for_character(text, seal, redacted):
    """First in its turn and in order; what another provider sealed is not sent."""
    sealed = (
        Thinking("anthropic", "thinking", text, seal),
        Thinking("anthropic", "redacted_thinking", "", redacted),
        Thinking("google", "thought", "x", "y"),
    )
    made = body(chat(HI, Message("assistant", (TextPart("yes"),), thinking=sealed), HI))

    assert [
        {"type": "thinking", "thinking": text, "signature": seal},
        {"type": "redacted_thinking", "data": redacted},
        {"type": "text", "text": "yes"},
    ] == made["messages"][1]["content"]


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (ToolChoice(), True, None),
        (ToolChoice(), False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), True, {"type": "none"}),
        (ToolChoice("required"), True, {"type": "any"}),
        (ToolChoice("required", ("weather",)), True, {"type": "tool", "name": "weather"}),
    ],
)
def test_the_choice_among_tools(choice, parallel, expected):
    """In the API's words."""
    made = body(chat(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel))

    assert expected == made.get("tool_choice")


def test_some_of_many_tools_are_the_only_ones_sent():
    """The API has no other way to say it."""
    tools = WEATHER, Tool("news"), Tool("mail")

    made = body(chat(tools=tools, tool_choice=ToolChoice("auto", ("weather", "mail"))))

    assert ["weather", "mail"] == [tool["name"] for tool in made["tools"]]


def test_a_schema_of_the_answer_is_the_apis_own():
    """Not a prompt."""
    form = ResponseFormat("json_schema", "x", '{"type":"object"}')

    assert {"format": {"type": "json_schema", "schema": {"type": "object"}}} == body(chat(response_format=form))["output_config"]


@pytest.mark.parametrize("call_id", ["call.1", "", "fc_1|msg_2", "ü"])
def test_ids_of_calls_that_other_providers_gave_are_ones_that_it_takes(call_id):
    """The same for a call and its result, different for different calls."""
    calls = ToolCall(call_id, "weather", "{}"), ToolCall("call/2", "weather", "{}")
    results = [Message("tool", (TextPart("x"),), tool_call_id=call.id) for call in calls]

    turns = body(chat(HI, Message("assistant", tool_calls=calls), *results))["messages"]

    sent = [block["id"] for block in turns[1]["content"]]
    assert (2, sent) == (len(set(sent)), [block["tool_use_id"] for block in turns[2]["content"]])


def test_arguments_go_back_as_the_model_wrote_them():
    """Numbers of any size, their order and their spaces; a prompt cache depends on it."""
    arguments = '{ "b": 123456789012345678901234567890, "a": 1.0 }'

    encoded = DIALECT.encode(chat(HI, Message("assistant", tool_calls=(ToolCall("t", "f", arguments),))), OLD, stream=False)

    assert arguments.encode() in encoded.body


def test_what_the_api_has_no_word_for_is_named():
    """By canonical names."""
    sampling = Sampling(seed=1, presence_penalty=1, frequency_penalty=1, logit_bias=((1, 1.0),), min_p=0.1, repeat_penalty=1.1)
    request = chat(sampling=sampling, n=2, logprobs=True, response_format=ResponseFormat("json_object"))

    expected = {"n", "logprobs", "seed", "presence_penalty", "frequency_penalty", "repeat_penalty", "logit_bias", "min_p"}
    assert expected | {"response_format"} == set(DIALECT.lacks(request, OLD))
    body(request)


def test_stop_user_limit_and_stream_have_their_names():
    """Nothing else is added."""
    made = body(chat(stop=("END",), user="u-1", sampling=Sampling(max_tokens=7)), stream=True)

    assert (["END"], {"user_id": "u-1"}, 7, True) == (made["stop_sequences"], made["metadata"], made["max_tokens"], made["stream"])


def test_a_count_has_neither_limit_nor_stream():
    """Its route takes none."""
    encoded = DIALECT.encode(CountRequest(chat=chat(tools=(WEATHER,))), OLD, stream=False)

    assert ("/messages/count_tokens", {"model", "messages", "tools"}) == (encoded.path, set(json.loads(encoded.body)))
    body(CountRequest(chat=chat(tools=(WEATHER,))))


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (chat(Message("assistant", tool_calls=(ToolCall("t", "f", "[1]"),))), "messages"),
        (chat(Message("assistant", tool_calls=(ToolCall("t", "f", "{"),))), "messages"),
        (chat(Message("user", (ImagePart("data:image/bmp;base64,AA=="),))), "messages"),
        (chat(sampling=Sampling(temperature=1.5)), "temperature"),
    ],
)
def test_what_would_mean_something_else_is_refused(request_, param):
    """With the canonical name of it."""
    with pytest.raises(UnsupportedParameter) as raised:
        DIALECT.encode(request_, OLD, stream=False)

    assert param == raised.value.param


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_the_root_has_one_version(path):
    """Base URLs are written with it and without."""
    assert "/v1" == DIALECT.root(path)
    assert "/anthropic/v1" == DIALECT.root("/anthropic" + path)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}, "of_tomorrow": 1},
        {"type": "text", "text": ""},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA==", "detail": "low"}},
        {"type": "tool_result", "tool_use_id": "of nobody"},
    ],
)
def test_the_provider_of_these_tests_is_strict_at_any_depth(block):
    """Else they would show nothing."""
    content = {"model": OLD, "max_tokens": 9, "messages": [{"role": "user", "content": [block]}]}

    assert [] != FakeAnthropic().check(Asked("POST", "/v1/messages", "", {"anthropic-version": "2023-06-01"}, content))
