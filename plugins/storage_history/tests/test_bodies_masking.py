"""What masking leaves of documents, and what is left of those that were cut."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llmlb_storage_history.bodies.masking import masked, without_media
from llmlb_storage_history.bodies.mend import mend

SECRET = "the moon is made of cheese"
MASKED = {"masked": "text", "length": len(SECRET)}
PICTURE = "data:image/png;base64," + "A" * 400


def requests():
    """Every place of a request where somebody's words may stand."""
    return {
        "text": {"messages": [{"role": "user", "content": SECRET}]},
        "part": {"messages": [{"role": "user", "content": [{"type": "text", "text": SECRET}]}]},
        "name": {"messages": [{"role": "user", "name": SECRET, "content": ""}]},
        "word as a name": {"messages": [{"role": "user", "name": "cheese", "content": ""}]},
        "tool call": {"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": json.dumps({"q": SECRET})}}]}]},
        "tool answer": {"messages": [{"role": "tool", "tool_call_id": "a", "content": SECRET}]},
        "tool description": {"tools": [{"function": {"name": "f", "description": SECRET, "parameters": {"enum": [SECRET]}}}]},
        "arguments as an object": {"input": [{"type": "function_call", "arguments": {SECRET: SECRET}}]},
        "tool input as an object": {"content": [{"type": "tool_use", "name": "f", "input": {"cheese": 3}}]},
        "prompt": {"prompt": SECRET},
        "prompts": {"prompt": [SECRET, SECRET]},
        "input": {"input": SECRET},
        "instructions": {"instructions": SECRET},
        "suffix, stop, user": {"suffix": SECRET, "stop": [SECRET], "user": SECRET},
        "metadata": {"metadata": {"cheese": SECRET}},
        "logit bias": {"logit_bias": {"cheese": 5}},
        "unknown": {"something": {"new": SECRET}},
        "in a known name": {"model": SECRET, "tool_choice": SECRET, "id": SECRET},
        "as a member's name": {SECRET: 1},
        "file": {"content": [{"type": "file", "file": {"file_data": SECRET, "filename": SECRET}}]},
        "url": {"content": [{"type": "image_url", "image_url": {"url": "https://cheese.example/a.png"}}]},
        "headers": {"tools": [{"type": "mcp", "headers": {"x-cheese": SECRET}, "authorization": "cheese"}]},
        "error": {"error": {"message": SECRET, "code": "x"}},
        "log probabilities": {"choices": [{"logprobs": {"content": [{"token": "cheese", "bytes": [1]}]}}]},
        "top level": [SECRET],
        "only text": SECRET,
    }


@pytest.mark.parametrize("name", requests())
def test_no_word_of_anybody_is_left(name):
    """Wherever a client or a model may write."""
    assert "cheese" not in json.dumps(masked(requests()[name]))


def test_structure_roles_model_parameters_and_usage_stay():
    """What an operator looks at when something is slow, dear or refused."""
    request = {
        "model": "org/model-7b:q4",
        "stream": True,
        "temperature": 0.5,
        "max_tokens": 10,
        "seed": None,
        "tool_choice": "auto",
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        "tools": [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}],
        "messages": [{"role": "user", "content": SECRET}],
    }
    answer = {
        "id": "c-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SECRET}}],
        "usage": {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}},
    }

    assert {**request, "messages": [{"role": "user", "content": MASKED}]} == masked(request)
    assert {
        **answer,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": MASKED}}],
    } == masked(answer)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"prompt": [1, 2, 3]}, {"prompt": {"masked": "tokens", "length": 3}}),
        ({"input": [[1, 2], [3]]}, {"input": {"masked": "tokens", "length": 2}}),
        (
            {"data": [{"index": 0, "embedding": [0.1, 0.2]}]},
            {"data": [{"index": 0, "embedding": {"masked": "vector", "length": 2}}]},
        ),
        ({"embedding": "AAAA"}, {"embedding": {"masked": "vector", "length": 4}}),
        ({"arguments": "{}"}, {"arguments": {"masked": "arguments", "length": 2}}),
        (
            {"image_url": {"url": "data:image/png;base64,AA"}},
            {"image_url": {"url": {"masked": "image", "length": 24, "media_type": "image/png"}}},
        ),
        (
            {"input_audio": {"data": "AAAA", "format": "wav"}},
            {"input_audio": {"data": {"masked": "audio", "length": 4}, "format": "wav"}},
        ),
        ({"content": 42}, {"content": {"masked": "number", "length": 1}}),
        ({"content": None}, {"content": None}),
        ({"logprobs": True, "top_logprobs": 5}, {"logprobs": True, "top_logprobs": 5}),
        ({"api_key": "abcdef"}, {"api_key": {"masked": "credential", "length": 6}}),
        ({"model": "sk_abcdefghijkl"}, {"model": {"masked": "text", "length": 15}}),
    ],
)
def test_masked_values_tell_kind_and_length(document, expected):
    """Enough to see what was sent."""
    assert expected == masked(document)


def test_full_documents_lack_media_and_named_credentials_only():
    """Megabytes that no page shows, and what would open somebody's door (fbc50d97-D3)."""
    document = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": SECRET}, {"type": "image_url", "image_url": {"url": PICTURE}}]}
        ],
        "input_audio": {"data": "A" * 400},
        "tools": [{"type": "mcp", "authorization": "abc", "headers": {"x-key": "abc"}}],
        "api_key": "abc",
    }

    shown = without_media(document)

    assert {"type": "text", "text": SECRET} == shown["messages"][0]["content"][0]
    assert "image" == shown["messages"][0]["content"][1]["image_url"]["url"]["masked"]
    assert {"masked": "audio", "length": 400} == shown["input_audio"]["data"]
    assert "abc" not in json.dumps(shown)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=500)
@given(st.lists(JSON, max_size=4) | st.dictionaries(st.text(), JSON, max_size=4), st.integers(0, 500), st.booleans())
def test_documents_can_be_mended_wherever_they_were_cut(document, size, ascii_only):
    """What is left is JSON, of the same kind, as soon as there is one character."""
    data = json.dumps(document, ensure_ascii=ascii_only).encode()
    cut = data[: max(1, size % (len(data) + 1))]

    whole = mend(cut)

    assert isinstance(json.loads(whole), type(document))


@settings(deadline=None)
@given(JSON)
def test_whole_documents_are_their_own_mending(document):
    """Nothing is lost of what was not cut; of a lone value nothing can be said."""
    data = json.dumps(document).encode()

    assert (document if isinstance(document, dict | list) else None) == (mend(data) and json.loads(mend(data)))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_json_are_mended_or_refused(data):
    """Never an error, and never something longer than what was there, but for what closes it."""
    whole = mend(data)

    assert whole is None or len(whole) <= 2 * len(data) + 2


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (b'{"messages": [{"role": "user", "content": "hello wor', {"messages": [{"role": "user", "content": "hello wor"}]}),
        (b'{"a": 1, "b": 12', {"a": 1}),
        (b'{"a": 1, "nam', {"a": 1}),
        (b'{"a": 1, "name":', {"a": 1}),
        (b'{"a": 1, "na{me', {"a": 1}),
        (b'{"a": 1, "name": tru', {"a": 1}),
        (b'{"a": "x\\', {"a": "x"}),
        (b'{"a": "x\\u12', {"a": "x"}),
        ('{"a": "xé'.encode()[:-1], {"a": "x"}),
        (b'{"a": [1, 2, {"b": [', {"a": [1, 2, {"b": []}]}),
        (b"[1, 2, ", [1, 2]),
        (b"{", {}),
        (b'{"a": 1} and more', {"a": 1}),
    ],
)
def test_cut_documents_end_where_they_were_cut(cut, expected):
    """Texts go as far as they came, names without a value go."""
    assert expected == json.loads(mend(cut))


@settings(deadline=None)
@given(JSON)
def test_masking_keeps_the_shape_and_never_fails(document):
    """Whatever a client sends."""
    json.dumps(masked(document))
    json.dumps(without_media(document))


def test_spoken_pieces_are_taken_out_of_events():
    """``speech.audio.delta`` has its sound as text."""
    event = {"type": "speech.audio.delta", "audio": "SUQz" * 100}

    expected = {"type": "speech.audio.delta", "audio": {"masked": "audio", "length": 400}}
    assert (expected, expected) == (masked(event), without_media(event))
