"""The routing fields, and bodies that are not what they should be."""

from __future__ import annotations

import pytest

from llmlb_core.errors import InvalidJson, InvalidRequest


@pytest.fixture
def parse(dialect):
    """Parses a body for a route."""
    return lambda body, path="/v1/chat/completions": dialect.parse(next(r for r in dialect.routes if r.path == path), body)


def test_only_model_and_stream_are_read(parse):
    """Whatever else is in the body, however wrong, is left for later."""
    fields = parse(b'{"messages":5,"model":"m","n":"many","stream":true}')

    assert ("m", True) == (fields.model, fields.stream)


def test_stream_is_false_when_absent_or_null(parse):
    """As OpenAI has it."""
    assert [False, False] == [parse(body).stream for body in (b'{"model":"m"}', b'{"model":"m","stream":null}')]


def test_the_last_of_two_equal_keys_wins_everywhere(parse, decode):
    """Routing and decoding agree on a body that says it twice."""
    body = b'{"model":"a","model":"b","messages":[{"role":"user","content":"x"}],"n":1,"n":2}'

    assert ("b", 2) == (parse(body).model, decode("/v1/chat/completions", body).request.n)


@pytest.mark.parametrize("body", [b'{"stream":true}', b'{"model":null}', b'{"model":""}'])
def test_a_missing_model_is_named(parse, body):
    """But for embeddings, which may have a default model."""
    with pytest.raises(InvalidRequest, match="you must provide a model parameter") as caught:
        parse(body)

    assert "model" == caught.value.param
    assert None is parse(body, "/v1/embeddings").model


@pytest.mark.parametrize(
    ("body", "param"),
    [(b'{"model":5}', "model"), (b'{"model":"m","stream":"yes"}', "stream"), (b'{"model":"%b"}' % (b"x" * 600), "model")],
)
def test_wrong_types_are_named(parse, body, param):
    """400 with ``param``."""
    with pytest.raises(InvalidRequest) as caught:
        parse(body)

    assert param == caught.value.param


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "line 1 column 1"),
        (b'{"model": "m",}', "column 14"),
        (b'{"model": "m"', "column"),
        (b'{"model":"m","x":NaN}', "column 18"),
        (b"[1]", "is an array"),
        (b'"x"', "is a string"),
        (b"5", "is a number"),
        (b"null", "is null"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"model":"m","x":"\\ud800"}', "surrogate"),
        (b'{"x":' + b"[" * 200_000, ""),
    ],
)
def test_bodies_that_are_not_json_objects_say_where(parse, body, words):
    """400 ``invalid_json`` with the position."""
    with pytest.raises(InvalidJson) as caught:
        parse(body)

    assert words in caught.value.message
    assert "invalid_json" == caught.value.code
