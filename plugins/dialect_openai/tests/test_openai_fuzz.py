"""Whatever a client sends gets an answer; whatever a model says arrives whole."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llmlb_dialect_openai.dialect import OpenAIDialect
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

from llmlb_core import Delta, Usage
from llmlb_core.errors import InvalidRequest

PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses")
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
VALID: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,A"}}]},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c", "content": "1"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 1,
        "n": 2,
        "stop": ["a"],
        "logit_bias": {"1": 2},
        "logprobs": True,
        "top_logprobs": 2,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}},
        "metadata": {"a": "b"},
    },
    "/v1/completions": {"model": "m", "prompt": [[1, 2], [3]], "logprobs": 1, "echo": True, "n": 2, "best_of": 2, "stop": "a"},
    "/v1/embeddings": {"model": "m", "input": ["a", [1]], "dimensions": 3, "encoding_format": "float"},
    "/v1/responses": {
        "model": "m",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "x"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "1"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        "text": {"format": {"type": "json_schema", "name": "p", "schema": SCHEMA}},
        "reasoning": {"effort": "low"},
        "include": ["message.output_text.logprobs"],
        "metadata": {"a": "b"},
        "max_output_tokens": 4,
    },
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
unhurried = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path into a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in members for place in places(inner, (*path, key)))]


def replaced(value: Any, place: tuple[str | int, ...], new: object) -> Any:
    """Copy *value* with another value at *place*."""
    if not place:
        return new
    value = copy.deepcopy(value)
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return value


def read(path: str, body: bytes) -> None:
    """Parse and decode; any error but the two that mean 400 is a failure of the test."""
    dialect = OpenAIDialect()
    route = next(route for route in dialect.routes if route.path == path)
    for reads in (dialect.parse, dialect.decode):
        refusal = None
        try:
            reads(route, body)
        except InvalidRequest as error:
            refusal = error
        if refusal is not None:
            assert 400 == refusal.status
            assert json.loads(dialect.error(refusal))["error"]["message"]


@pytest.mark.parametrize("path", PATHS)
def test_the_bodies_that_are_broken_here_are_valid(decode, path):
    """Else the next test would show little."""
    decode(path, VALID[path])


@unhurried
@given(st.sampled_from(PATHS), st.data())
def test_any_value_at_any_place_is_read_or_refused(path, data):
    """Never a 500: the wrong type, NaN, huge numbers, lone surrogates, anywhere."""
    place = data.draw(st.sampled_from(places(VALID[path])))
    body = json.dumps(replaced(VALID[path], place, data.draw(json_values)))

    read(path, body.encode("utf-8", "surrogatepass"))


@unhurried
@given(
    st.sampled_from(PATHS),
    json_values | st.dictionaries(st.sampled_from([*VALID[PATHS[0]], *VALID[PATHS[3]], "prompt"]), json_values),
)
def test_any_json_is_read_or_refused(path, value):
    """Whole bodies of anything."""
    read(path, json.dumps(value).encode("utf-8", "surrogatepass"))


@unhurried
@given(st.sampled_from(PATHS), st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(path, body):
    """Not JSON at all."""
    read(path, body)


texts = st.lists(st.text(min_size=1, max_size=6), max_size=6)


@unhurried
@given(texts, texts)
def test_streamed_and_plain_chats_say_the_same(render, split_frames, strictly, first, second):
    """Two interleaved choices of any text, by the SDK's types."""
    deltas = [Delta(index % 2, text) for pair in zip(first, second, strict=False) for index, text in enumerate(pair)]
    deltas += [Delta(0, finish="stop"), Delta(1, finish="length"), Delta(usage=Usage(1, 2))]
    body = {"messages": [{"role": "user", "content": "x"}], "n": 2}

    plain = strictly(ChatCompletion, render("/v1/chat/completions", body, deltas))
    chunks = [
        strictly(ChatCompletionChunk, data)
        for _, data in split_frames(render("/v1/chat/completions", body | {"stream": True}, deltas))[:-1]
    ]

    for index in (0, 1):
        joined = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices[0].index == index)
        assert plain.choices[index].message.content == joined


@unhurried
@given(texts)
def test_streamed_and_plain_responses_say_the_same(render, split_frames, strictly, strict_event, pieces):
    """Deltas joined are the text that is done, and the text of the response."""
    deltas = [*(Delta(text=piece) for piece in pieces), Delta(finish="stop"), Delta(usage=Usage(1, 2))]

    plain = strictly(Response, render("/v1/responses", {"input": "x"}, deltas))
    events = [strict_event(json.loads(d)) for _, d in split_frames(render("/v1/responses", {"input": "x", "stream": True}, deltas))]

    joined = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert "".join(pieces) == joined == plain.output_text == events[-1].response.output_text
