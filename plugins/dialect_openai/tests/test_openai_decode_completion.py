"""Bodies of completions and embeddings."""

from __future__ import annotations

import pytest

from llmlb_core.errors import InvalidRequest

COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a", ("a",)),
        ("", ("",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1], [2, 3]], ((1,), (2, 3))),
    ],
)
def test_prompts_of_every_form_are_read(decode, given, expected):
    """A text, texts, token ids, lists of token ids."""
    assert expected == decode(COMPLETIONS, {"prompt": given}).request.prompts


def test_parameters_of_completions_are_read(decode):
    """``logprobs`` is a count; nothing generated is allowed where the prompt is echoed."""
    decoded = decode(
        COMPLETIONS, {"prompt": "a", "echo": True, "max_tokens": 0, "logprobs": 3, "n": 2, "best_of": 2, "suffix": "z"}
    )

    request = decoded.request
    assert (True, 0, True, 3, 2, "z") == (
        request.echo,
        request.sampling.max_tokens,
        request.logprobs,
        request.top_logprobs,
        request.n,
        request.suffix,
    )
    assert () == decoded.ignored


def test_completions_stop_after_sixteen_tokens_by_default(decode):
    """OpenAI's documented default of this route."""
    assert 16 == decode(COMPLETIONS, {"prompt": "a"}).request.sampling.max_tokens


def test_inputs_of_embeddings_are_read(decode):
    """Inputs in order, dimensions where given."""
    request = decode(EMBEDDINGS, {"input": ["a", "b"], "dimensions": 8, "encoding_format": "base64"}).request

    assert (("a", "b"), 8) == (request.inputs, request.dimensions)


WRONG = [
    (COMPLETIONS, {}, "prompt", "Missing required"),
    (COMPLETIONS, {"prompt": []}, "prompt", "empty array"),
    (COMPLETIONS, {"prompt": {"a": 1}}, "prompt", "array of token ids"),
    (COMPLETIONS, {"prompt": ["a", 5]}, "prompt[1]", "a string or an array of token ids"),
    (COMPLETIONS, {"prompt": [1, "a"]}, "prompt[1]", "token id"),
    (COMPLETIONS, {"prompt": [[1], []]}, "prompt[1]", "empty array"),
    (COMPLETIONS, {"prompt": [-1]}, "prompt[0]", "not a token id"),
    (COMPLETIONS, {"prompt": [True]}, "prompt[0]", "a string or an array"),
    (COMPLETIONS, {"prompt": ["a"] * 129}, "prompt", "at most 128"),
    (COMPLETIONS, {"prompt": ["a"] * 64, "n": 8}, "n", "128 are the most"),
    (COMPLETIONS, {"prompt": "a", "logprobs": 6}, "logprobs", "from 0 to 5"),
    (COMPLETIONS, {"prompt": "a", "logprobs": True}, "logprobs", "an integer"),
    (COMPLETIONS, {"prompt": "a", "max_tokens": 0}, "max_tokens", "from 1"),
    (COMPLETIONS, {"prompt": "a", "best_of": 2}, "best_of", "not supported"),
    (COMPLETIONS, {"prompt": "a", "best_of": 2, "n": 3}, "best_of", "at least 'n'"),
    (EMBEDDINGS, {}, "input", "Missing required"),
    (EMBEDDINGS, {"input": ""}, "input", "empty string"),
    (EMBEDDINGS, {"input": ["a", ""]}, "input[1]", "empty string"),
    (EMBEDDINGS, {"input": []}, "input", "empty array"),
    (EMBEDDINGS, {"input": ["a"] * 2049}, "input", "at most 2048"),
    (EMBEDDINGS, {"input": "a", "dimensions": 0}, "dimensions", "from 1"),
    (EMBEDDINGS, {"input": "a", "encoding_format": "hex"}, "encoding_format", "'base64'"),
    (EMBEDDINGS, {"input": "a", "stream": True}, "stream", "not streamed"),
]


@pytest.mark.parametrize(("path", "body", "param", "message"), WRONG)
def test_wrong_values_are_named_by_path(decode, path, body, param, message):
    """400 with ``param``, what was seen and what was expected."""
    with pytest.raises(InvalidRequest) as caught:
        decode(path, body)

    assert (param, True) == (caught.value.param, message in caught.value.message)
