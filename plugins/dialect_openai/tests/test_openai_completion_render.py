"""Completions, plain and streamed."""

from __future__ import annotations

import json

import pytest
from openai.types import Completion

from llmlb_core import Delta, TokenLogprob, TopLogprob, Usage
from llmlb_core.errors import EngineFailed

PATH = "/v1/completions"
TOKENS = (
    TokenLogprob("ab", -0.5, (97, 98), (TopLogprob("ab", -0.5), TopLogprob("x", -1.5))),
    TokenLogprob("c", -0.25, (99,), (TopLogprob("c", -0.25),)),
)


def test_answer_is_valid_by_the_sdk_read_strictly(render, strictly):
    """Choices of every prompt, in order."""
    deltas = [Delta(1, "b", finish="length"), Delta(0, "a", finish="stop"), Delta(usage=Usage(4, 2))]

    answer = strictly(Completion, render(PATH, {"prompt": ["p", "q"]}, deltas))

    assert [(0, "a", "stop"), (1, "b", "length")] == [(c.index, c.text, c.finish_reason) for c in answer.choices]
    assert 6 == answer.usage.total_tokens
    assert answer.id.startswith("cmpl-")


def test_logprobs_have_their_older_form(render, strictly):
    """Tokens, values, alternatives with the token itself, and offsets into the text."""
    answer = strictly(Completion, render(PATH, {"prompt": "p", "logprobs": 2}, [Delta(text="abc", logprobs=TOKENS, finish="stop")]))

    logprobs = answer.choices[0].logprobs

    assert (["ab", "c"], [-0.5, -0.25], [0, 2]) == (logprobs.tokens, logprobs.token_logprobs, logprobs.text_offset)
    assert [{"ab": -0.5, "x": -1.5}, {"c": -0.25}] == logprobs.top_logprobs


def test_stream_has_text_finish_usage_and_done(render, split_frames):
    """The transcript; offsets go on from chunk to chunk."""
    body = {"prompt": "p", "logprobs": 1, "stream": True, "stream_options": {"include_usage": True}}
    deltas = [
        Delta(text="ab", logprobs=TOKENS[:1]),
        Delta(text="c", logprobs=TOKENS[1:]),
        Delta(finish="stop"),
        Delta(usage=Usage(1, 2)),
    ]
    frames = split_frames(render(PATH, body, deltas))

    chunks = [json.loads(data) for _, data in frames[:-1]]

    assert ["ab", "c", ""] == [chunk["choices"][0]["text"] for chunk in chunks[:-1]]
    assert [None, None, "stop"] == [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]]
    assert [[0], [2]] == [chunk["choices"][0]["logprobs"]["text_offset"] for chunk in chunks[:2]]
    assert ([], 3) == (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"])
    assert all({"text_completion"} == {chunk["object"]} and chunk["usage"] is None for chunk in chunks[:-1])
    assert "[DONE]" == frames[-1][1]


def test_last_chunk_is_valid_by_the_sdk_read_strictly(render, split_frames, strictly):
    """Chunks before it say ``finish_reason: null`` as OpenAI's do; the SDK's type has no null there."""
    frames = split_frames(render(PATH, {"prompt": "p", "stream": True}, [Delta(text="a"), Delta(text="b", finish="length")]))

    chunk = strictly(Completion, frames[-2][1])

    assert ("b", "length") == (chunk.choices[0].text, chunk.choices[0].finish_reason)


def test_cut_answers_are_errors(render, split_frames):
    """Plain: raised. Streamed: in-band, no ``[DONE]``."""
    with pytest.raises(EngineFailed):
        render(PATH, {"prompt": "p"}, [Delta(text="a")])

    frames = split_frames(render(PATH, {"prompt": "p", "stream": True}, [Delta(text="a")]))

    assert "engine_failed" == json.loads(frames[-1][1])["error"]["code"]


def test_sdk_reads_a_stream(sdk):
    """The official client joins the text."""
    stream = sdk([Delta(text="a"), Delta(text="é"), Delta(finish="stop")]).completions.create(model="m", prompt="p", stream=True)

    assert "aé" == "".join(chunk.choices[0].text for chunk in stream)
