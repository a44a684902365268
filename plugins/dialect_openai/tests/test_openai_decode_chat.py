"""Chat bodies: what they become, and what is wrong with them, by path."""

from __future__ import annotations

import pytest

from llmlb_core import ImagePart, Message, ResponseFormat, TextPart, Tool, ToolCall, ToolChoice
from llmlb_core.errors import InvalidRequest, UnsupportedParameter

CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "hi"}
HELLO = {"model": "m", "messages": [USER]}
FUNCTION = {"name": "add", "description": "adds", "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": FUNCTION}


def test_smallest_body_has_defaults(decode):
    """One answer, the model's own sampling, free text."""
    decoded = decode(CHAT, HELLO)

    request = decoded.request
    assert (Message("user", (TextPart("hi"),)),) == request.messages
    assert (1, (), False, 0, (), None) == (
        request.n,
        request.stop,
        request.logprobs,
        request.top_logprobs,
        request.tools,
        request.sampling.max_tokens,
    )
    assert (ResponseFormat(), ToolChoice(), True, ()) == (
        request.response_format,
        request.tool_choice,
        request.parallel_tool_calls,
        decoded.ignored,
    )


def test_every_sampling_parameter_is_read(decode):
    """OpenAI's, and the extras that other servers take."""
    body = {
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 3,
        "min_p": 0.1,
        "presence_penalty": -2,
        "frequency_penalty": 2,
        "repetition_penalty": 1.1,
        "seed": -5,
        "logit_bias": {"42": -100, "7": 1.5},
        "max_tokens": 5,
        "max_completion_tokens": 7,
        "n": 8,
        "stop": ["a", "b"],
        "logprobs": True,
        "top_logprobs": 20,
        "reasoning_effort": "low",
    }

    decoded = decode(CHAT, HELLO | body)

    sampling = decoded.request.sampling
    assert (0.0, 0.5, 3, 0.1) == (sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p)
    assert (-2.0, 2.0, 1.1) == (sampling.presence_penalty, sampling.frequency_penalty, sampling.repeat_penalty)
    assert (-5, ((42, -100.0), (7, 1.5)), 7) == (sampling.seed, sampling.logit_bias, sampling.max_tokens)
    assert (8, ("a", "b"), True, 20, "low") == (
        decoded.request.n,
        decoded.request.stop,
        decoded.request.logprobs,
        decoded.request.top_logprobs,
        decoded.request.reasoning_effort,
    )
    assert () == decoded.ignored


def test_messages_of_every_role_are_read(decode):
    """Text, parts, images, calls and their answers, the older function form."""
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "s"},
        {"role": "developer", "content": [{"type": "text", "text": "d"}]},
        {
            "role": "user",
            "name": "bob",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"},
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}},
        {"role": "function", "name": "add", "content": "4"},
        {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}]},
        {"role": "assistant", "content": None, "refusal": "no"},
    ]

    read = decode(CHAT, {"model": "m", "messages": messages}).request.messages

    assert (
        Message("system", (TextPart("s"),)),
        Message("developer", (TextPart("d"),)),
        Message("user", (TextPart("look"), ImagePart("data:image/png;base64,AA==", "low")), name="bob"),
        Message("assistant", tool_calls=(ToolCall("c1", "add", "{}"),), reasoning="hm"),
        Message("tool", (TextPart("3"),), tool_call_id="c1"),
        Message("assistant", tool_calls=(ToolCall("call_add", "add", "{}"),)),
        Message("tool", (TextPart("4"),), name="add", tool_call_id="call_add"),
        Message("assistant", (TextPart("a"), TextPart("no"))),
        Message("assistant", (TextPart("no"),)),
    ) == read


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "function": {"name": "add"}}, ToolChoice("required", ("add",))),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "add"}}]},
            },
            ToolChoice("auto", ("add",)),
        ),
    ],
)
def test_tools_and_choices_are_read(decode, choice, expected):
    """Schemas are kept as JSON text."""
    request = decode(CHAT, HELLO | {"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": False}).request

    assert (Tool("add", "adds", '{"type":"object"}'),) == request.tools
    assert (expected, False) == (request.tool_choice, request.parallel_tool_calls)


def test_older_functions_become_tools(decode):
    """One call at a time, as they were."""
    request = decode(CHAT, HELLO | {"functions": [FUNCTION], "function_call": {"name": "add"}}).request

    assert (("add",), ToolChoice("required", ("add",)), False) == (
        tuple(tool.name for tool in request.tools),
        request.tool_choice,
        request.parallel_tool_calls,
    )


def test_response_formats_are_read(decode):
    """A schema is kept as JSON text, with name and strictness."""
    schema = {"name": "p", "schema": {"type": "object"}, "strict": True}

    formats = [
        decode(CHAT, HELLO | {"response_format": given}).request.response_format
        for given in ({"type": "text"}, {"type": "json_object"}, {"type": "json_schema", "json_schema": schema})
    ]

    assert [
        ResponseFormat(),
        ResponseFormat("json_object"),
        ResponseFormat("json_schema", "p", '{"type":"object"}', strict=True),
    ] == formats


def test_parameters_without_effect_are_listed(decode):
    """Unknown ones, and known ones that ask for something; defaults and hints are not."""
    body = {
        "user": "u",
        "store": False,
        "service_tier": "auto",
        "verbosity": "high",
        "metadata": {"a": "b"},
        "prediction": {"type": "content", "content": "x"},
        "guided_choice": [1],
        "x\r\ny: z": 1,
        "modalities": ["text"],
    }

    decoded = decode(CHAT, HELLO | body)

    assert {"verbosity", "metadata", "prediction", "guided_choice", "x??y??z"} == set(decoded.ignored)


def test_list_of_ignored_names_is_bounded(decode):
    """A header is made of it."""
    ignored = decode(CHAT, HELLO | {f"p{index}{'x' * 200}": 1 for index in range(500)}).ignored

    assert 32 >= len(ignored)
    assert 64 >= max(len(name) for name in ignored)


WRONG = [
    ({"messages": None}, "messages", "Missing required"),
    ({"messages": []}, "messages", "empty array"),
    ({"messages": "hi"}, "messages", "expected an array, but got a string"),
    ({"messages": ["hi"]}, "messages[0]", "expected an object"),
    ({"messages": [{"content": "x"}]}, "messages[0].role", "Missing required"),
    ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role", "expected one of 'system'"),
    ({"messages": [USER, {"role": "user"}]}, "messages[1].content", "expected a string or an array"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "got an integer"),
    ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "empty array"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text", "Missing required"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type", "not supported"),
    ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "messages[0].content[0].type", "not supported"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}]},
        "messages[0].content[0].image_url.url",
        "https",
    ),
    ({"messages": [{"role": "assistant", "content": None}]}, "messages[0].content", "got null"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "Missing required"),
    ({"messages": [USER, {"role": "tool", "content": "x", "tool_call_id": "c"}]}, "messages[1].tool_call_id", "preceding"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}]},
        "messages[0].tool_calls[0].function.arguments",
        "Missing required",
    ),
    ({"temperature": 2.5}, "temperature", "from 0 to 2"),
    ({"temperature": "hot"}, "temperature", "expected a number, but got a string"),
    ({"temperature": True}, "temperature", "got a boolean"),
    ({"top_p": -0.1}, "top_p", "from 0 to 1"),
    ({"presence_penalty": -2.1}, "presence_penalty", "from -2 to 2"),
    ({"frequency_penalty": 3}, "frequency_penalty", "from -2 to 2"),
    ({"n": 0}, "n", "from 1 to 8"),
    ({"n": 9}, "n", "from 1 to 8"),
    ({"n": 1.5}, "n", "expected an integer, but got a decimal number"),
    ({"max_tokens": 0}, "max_tokens", "from 1"),
    ({"max_completion_tokens": -1}, "max_completion_tokens", "from 1"),
    ({"seed": 1e30}, "seed", "expected an integer"),
    ({"stop": ["a"] * 5}, "stop", "at most 4"),
    ({"stop": ["a", ""]}, "stop[1]", "empty string"),
    ({"stop": 5}, "stop", "expected a string or an array"),
    ({"logit_bias": {"x": 1}}, "logit_bias", "token ids"),
    ({"logit_bias": {"1": 101}}, "logit_bias.1", "from -100 to 100"),
    ({"logit_bias": [1]}, "logit_bias", "expected an object"),
    ({"top_logprobs": 2}, "top_logprobs", "'logprobs' must be true"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "from 0 to 20"),
    ({"logprobs": 3}, "logprobs", "expected a boolean"),
    ({"response_format": "json"}, "response_format", "expected an object"),
    ({"response_format": {"type": "xml"}}, "response_format.type", "'json_schema'"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "Missing required"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": []}}},
        "response_format.json_schema.schema",
        "an object",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "p p", "schema": {}}}},
        "response_format.json_schema.name",
        "a-z",
    ),
    ({"tools": [TOOL, {"type": "web_search"}]}, "tools[1].type", "not supported"),
    ({"tools": [{"type": "function", "function": {"name": "bad name"}}]}, "tools[0].function.name", "a-zA-Z0-9"),
    ({"tools": [{"type": "function", "function": {**FUNCTION, "parameters": "x"}}]}, "tools[0].function.parameters", "an object"),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}]},
        "tools[0].function.parameters",
        'type: "object"',
    ),
    ({"tools": [TOOL, TOOL]}, "tools[1]", "used twice"),
    ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice", "'required'"),
    ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "sub"}}}, "tool_choice.function.name", "not found"),
    ({"tool_choice": "required"}, "tool_choice", "only allowed when 'tools'"),
    ({"functions": [FUNCTION], "tools": [TOOL]}, "functions", "cannot both"),
    ({"stream_options": {"include_usage": True}}, "stream_options", "only allowed when 'stream'"),
    ({"stream": True, "stream_options": {"include_usage": "yes"}}, "stream_options.include_usage", "expected a boolean"),
    ({"modalities": ["text", "audio"]}, "modalities[1]", "text here"),
    ({"audio": {"voice": "x"}}, "audio", "not supported"),
    ({"web_search_options": {}}, "web_search_options", "not supported"),
    ({"user": 5}, "user", "expected a string"),
    ({"metadata": {"a": 1}}, "metadata", "an object of strings"),
    ({"metadata": {str(index): "x" for index in range(17)}}, "metadata", "at most 16"),
    ({"store": "yes"}, "store", "expected a boolean"),
    ({"reasoning_effort": "very"}, "reasoning_effort", "'minimal'"),
]


@pytest.mark.parametrize(
    ("wrong", "param", "message"), WRONG, ids=[f"{param}-{index}" for index, (_, param, _) in enumerate(WRONG)]
)
def test_wrong_values_are_named_by_path(decode, wrong, param, message):
    """400 with ``param``, what was seen and what was expected."""
    with pytest.raises(InvalidRequest) as caught:
        decode(CHAT, HELLO | wrong)

    assert param == caught.value.param
    assert message in caught.value.message
    assert 400 == caught.value.status


def test_what_cannot_be_done_has_its_own_code(decode):
    """``unsupported_parameter`` tells it from a mistake."""
    with pytest.raises(UnsupportedParameter) as caught:
        decode(CHAT, HELLO | {"tools": [{"type": "custom", "custom": {"name": "x"}}]})

    assert "unsupported_parameter" == caught.value.code


def test_schemas_nested_too_deeply_are_refused(decode):
    """Before anything recurses over them."""
    nested = b'{"a":' * 600 + b"{}" + b"}" * 600
    tool = b'{"type":"function","function":{"name":"f","parameters":%b}}' % nested
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[%b]}' % tool

    with pytest.raises(InvalidRequest, match="nested too deeply"):
        decode(CHAT, body)
