"""The dialect as servers speak it: what they are sent, checked against the official SDK's types, and what they answer.

Sources: "Chat completions", "Completions", "Embeddings" and "Error codes" of OpenAI's API reference.
"""

from __future__ import annotations

import base64
import json
from array import array
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_dialect_openai.decode.body import load
from llmlb_dialect_openai.decode.chat import decode_chat
from llmlb_dialect_openai.server.dialect import OpenAIServerDialect
from llmlb_testing.providers.base import schema_problems
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from pydantic import ConfigDict, TypeAdapter, with_config

from llmlb_core import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    ImagePart,
    Message,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    Usage,
)

DIALECT = OpenAIServerDialect()
HI = Message("user", (TextPart("hi"),))
WEATHER = Tool("weather", "Of a town.", '{"type":"object","properties":{"town":{"type":"string"}}}')
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}}


@cache
def adapter(path):
    bases = {
        "/chat/completions": chat_create_params.CompletionCreateParamsBase,
        "/completions": completion_create_params.CompletionCreateParamsBase,
        "/embeddings": embedding_create_params.EmbeddingCreateParams,
    }

    class Body(bases[path], total=False):
        stream: bool

    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(Body))


def sent(request, model="m", *, stream=False):
    """Return the body, after the reference has allowed it."""
    encoded = DIALECT.encode(request, model, stream=stream)
    document = json.loads(encoded.body)
    assert [] == schema_problems(adapter(encoded.path), document)
    return document


def chat(*messages, **members):
    return ChatRequest(messages=messages or (HI,), **members)


def everything():
    """A request that has all that the dialect has words for."""
    calls = ToolCall("c1", "weather", '{"town":"Oslo"}'), ToolCall("c2", "weather", "{}")
    return chat(
        Message("system", (TextPart("Be brief."),)),
        Message("user", (TextPart("What is it?"), ImagePart("data:image/png;base64,AA==", "low")), name="ann"),
        Message("assistant", (TextPart("Let me look."),), tool_calls=calls),
        Message("tool", (TextPart("cold"),), tool_call_id="c1"),
        Message("tool", (TextPart("warm"),), tool_call_id="c2"),
        Message("user", (TextPart("and?"),)),
        sampling=Sampling(0.5, 0.9, None, None, 0.1, 0.2, None, 7, ((5, 1.0),), 20),
        n=2,
        stop=("END",),
        logprobs=True,
        top_logprobs=2,
        tools=(WEATHER, Tool("news", parameters_json='{"type":"object"}', strict=True)),
        tool_choice=ToolChoice("required", ("weather",)),
        parallel_tool_calls=False,
        response_format=ResponseFormat("json_schema", "x", '{"type":"object"}', strict=True),
        reasoning_effort="low",
        user="u-1",
    )


def test_a_request_comes_back_as_it_was():
    """Written for a server and read as a client's: nothing is lost."""
    request = everything()

    assert request == decode_chat(load(DIALECT.encode(request, "m", stream=False).body)).request
    sent(request)
    sent(request, stream=True)


@given(st.text(), st.text(min_size=1), st.dictionaries(st.text(), st.integers() | st.text(), max_size=3))
def test_texts_and_arguments_pass_unchanged(text, name, arguments):
    """Whatever they hold."""
    call = ToolCall("c", name, json.dumps(arguments))
    request = chat(Message("user", (TextPart(text),)), Message("assistant", tool_calls=(call,)))

    made = sent(request)["messages"]

    assert (text, json.dumps(arguments)) == (made[0]["content"], made[1]["tool_calls"][0]["function"]["arguments"])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "max_tokens"),
        ("llama-3", "max_tokens"),
        ("o3-mini", "max_completion_tokens"),
        ("gpt-5.1", "max_completion_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_model_knows(model, name):
    """Models that think refuse the older one."""
    assert 9 == sent(chat(sampling=Sampling(max_tokens=9)), model)[name]


@pytest.mark.parametrize(
    ("model", "tokens", "effort"),
    [("gpt-5", 1024, "low"), ("gpt-5", 4096, "medium"), ("gpt-5", 20_000, "high"), ("gpt-4o", 4096, None), ("gpt-5", 0, None)],
)
def test_tokens_of_thinking_are_an_effort(model, tokens, effort):
    """The API counts none."""
    assert effort == sent(chat(thinking_tokens=tokens), model).get("reasoning_effort")


def test_results_of_tools_keep_their_pictures_and_faults():
    """Pictures follow as the user's, a fault is told in the text."""
    calls = ToolCall("c1", "see", "{}"), ToolCall("c2", "see", "{}")
    messages = (
        HI,
        Message("assistant", tool_calls=calls),
        Message("tool", (TextPart("here"), ImagePart("data:image/png;base64,AA==")), tool_call_id="c1"),
        Message("tool", (TextPart("none"),), tool_call_id="c2", is_error=True),
    )

    made = sent(chat(*messages))["messages"]

    assert ["user", "assistant", "tool", "tool", "user"] == [each["role"] for each in made]
    assert ("Error: none", "image_url") == (made[3]["content"], made[4]["content"][0]["type"])


def test_what_only_some_servers_know_is_named():
    """The reference has none of it."""
    assert ("top_k", "min_p", "repeat_penalty") == DIALECT.lacks(
        chat(sampling=Sampling(top_k=1, min_p=0.1, repeat_penalty=1.1)), "m"
    )


def test_completions_and_embeddings_have_routes_of_their_own():
    """Several prompts and inputs, tokens too."""
    completion = CompletionRequest(prompts=("a", (1, 2)), n=2, stop=("x",), logprobs=True, top_logprobs=3, echo=True, suffix="z")
    single = sent(CompletionRequest(prompts=("a",)))
    vectors = sent(EmbeddingRequest(inputs=("a", "b"), dimensions=8))

    assert ("/completions", ["a", [1, 2]]) == (
        DIALECT.encode(completion, "m", stream=True).path,
        json.loads(DIALECT.encode(completion, "m", stream=True).body)["prompt"],
    )
    assert ("a", ["a", "b"], "base64", 8) == (single["prompt"], vectors["input"], vectors["encoding_format"], vectors["dimensions"])


def chunk(*choices, **members):
    return f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', 'choices': choices, **members})}\n\n".encode()


def piece(index=0, finish=None, **delta):
    return {"index": index, "delta": delta, "finish_reason": finish}


DONE = b"data: [DONE]\n\n"


def read(*events, request=None):
    reader = DIALECT.answer(request or chat(), stream=True)
    for each in events:
        reader.read(each)
    return reader


def test_a_stream_becomes_deltas():
    """Text, thinking, pieces of calls, why it ends, usage."""
    call = {"index": 1, "id": "c2", "type": "function", "function": {"name": "f", "arguments": ""}}
    reader = read(
        chunk(piece(role="assistant", content="")),
        chunk(piece(reasoning_content="hm")),
        chunk(piece(content="a")),
        chunk(piece(tool_calls=[call])),
        chunk(piece(tool_calls=[{"index": 1, "function": {"arguments": "{}"}}])),
        chunk(piece(finish="stop")),
        chunk(usage=USAGE),
        DONE,
    )

    results = reader.results
    assert (True, "hm", "a") == (reader.is_finished, results[0].reasoning, results[1].text)
    assert [(1, "c2", "f", ""), (1, None, None, "{}")] == [
        (each.index, each.id, each.name, each.arguments) for delta in results for each in delta.tool_calls
    ]
    assert ("tool_calls", Usage(3, 4, 2)) == (results[-2].finish, results[-1].usage)


def test_a_plain_answer_becomes_the_same():
    """Choices, log probabilities and usage."""
    logprobs = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]}
    choices = [
        {"index": 0, "message": {"role": "assistant", "content": "a"}, "logprobs": logprobs, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "content": None, "refusal": "no"}, "finish_reason": "content_filter"},
    ]
    reader = DIALECT.answer(chat(n=2), stream=False)

    reader.read_plain(json.dumps({"choices": choices, "usage": USAGE}).encode())

    first, end, second, other_end, usage = reader.results
    assert ("a", -0.5, "stop", 1, "no", "content_filter", 7) == (
        first.text,
        first.logprobs[0].logprob,
        end.finish,
        second.choice,
        second.text,
        other_end.finish,
        usage.usage.total_tokens,
    )


@given(st.integers(min_value=0, max_value=3))
def test_a_cut_stream_is_never_finished(count):
    """Before the reason why it ends."""
    events = [chunk(piece(content="")), chunk(piece(content="a")), chunk(piece(content="b")), chunk(piece(finish="stop"))]

    reader = read(*events[:count])

    assert (False, False) == (reader.is_finished, reader.ends(is_certain=True))
    assert "bad_gateway" == read(*events[:count], DONE).fault.code


def test_a_stream_of_two_choices_needs_both():
    """One that is open is none that is whole."""
    request = chat(n=2)
    one = read(chunk(piece(0, content="a")), chunk(piece(1, content="b")), chunk(piece(0, finish="stop")), request=request)

    assert not one.ends(is_certain=True)
    one.read(chunk(piece(1, finish="stop")))
    assert one.is_finished


def test_an_error_in_the_stream_is_a_fault():
    """With the server's own document."""
    reader = read(chunk(piece(content="a")), b'data: {"error":{"message":"gone","code":503}}\n\n')

    refusal = DIALECT.read_refusal(500, {}, reader.fault.error)
    assert ("upstream_error", "gone", 503) == (reader.fault.code, refusal.message, refusal.status)


@pytest.mark.parametrize("is_text", [False, True])
def test_vectors_come_in_both_forms(is_text):
    """Servers that know only one give that, in any order."""
    rows = [array("f", [1.0, 2.0]), array("f", [3.0, 4.0])]
    data = [
        {
            "index": 1 - place,
            "embedding": base64.b64encode(rows[1 - place].tobytes()).decode() if is_text else list(rows[1 - place]),
        }
        for place in (0, 1)
    ]
    reader = DIALECT.answer(EmbeddingRequest(inputs=("a", "b")), stream=False)

    reader.read_plain(json.dumps({"data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}}).encode())

    (vectors,) = reader.results
    assert (2, 2, rows[0].tobytes() + rows[1].tobytes(), 3) == (
        vectors.count,
        vectors.dimension,
        vectors.data,
        vectors.usage.prompt_tokens,
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"no","type":"t","param":"p","code":"c"}}', "no"),
        (b'{"error":"no"}', "no"),
        (b'{"object":"error","message":"no","code":400}', "no"),
        (b'{"detail":"no"}', "no"),
        (b"{}", None),
        (b"<html>", None),
    ],
)
def test_error_documents_of_relatives_are_read(body, message):
    """Each has its own."""
    refusal = DIALECT.read_refusal(400, {}, body)

    assert message == (None if refusal is None else refusal.message)


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_else(data):
    """Neither in a stream nor as an error document."""
    read(b"data: " + data.replace(b"\n", b"") + b"\n\n")
    DIALECT.read_refusal(400, {}, data)
    for request in (chat(), EmbeddingRequest(inputs=("a",))):
        with pytest.raises(ValueError, match="answer"):
            DIALECT.answer(request, stream=False).read_plain(data)
