"""Embeddings."""

from __future__ import annotations

import json

import pytest
from openai.types import CreateEmbeddingResponse

from llmlb_core import Delta, Usage, Vectors, float32_rows
from llmlb_core.errors import EngineFailed

PATH = "/v1/embeddings"
VECTORS = Vectors(float32_rows([[1.0, 0.0], [0.6, 0.8]]), 2, 2, Usage(prompt_tokens=7))


def test_numbers_are_valid_by_the_sdk_read_strictly(render, strictly):
    """One entry an input, in order, with usage."""
    answer = strictly(CreateEmbeddingResponse, render(PATH, {"input": ["a", "b"]}, [VECTORS]))

    assert [0, 1] == [entry.index for entry in answer.data]
    assert pytest.approx([0.6, 0.8]) == answer.data[1].embedding
    assert (7, 7, "served") == (answer.usage.prompt_tokens, answer.usage.total_tokens, answer.model)


def test_base64_is_little_endian_float32(render):
    """The four bytes of 1.0 come first."""
    import base64

    data = json.loads(render(PATH, {"input": "a", "encoding_format": "base64"}, [VECTORS]))["data"]

    assert b"\x00\x00\x80\x3f\x00\x00\x00\x00" == base64.b64decode(data[0]["embedding"])


def test_sdk_decodes_what_it_asks_for_by_default(sdk):
    """The official client asks for base64 and gives numbers to its caller."""
    answer = sdk([VECTORS]).embeddings.create(model="m", input=["a", "b"])

    assert pytest.approx([0.6, 0.8]) == list(answer.data[1].embedding)


def test_text_or_nothing_is_an_engine_failure(render):
    """A plugin's mistake is named."""
    with pytest.raises(EngineFailed, match="vectors were asked for"):
        render(PATH, {"input": "a"}, [Delta(text="a")])
    with pytest.raises(EngineFailed, match="before any vector"):
        render(PATH, {"input": "a"}, [])
