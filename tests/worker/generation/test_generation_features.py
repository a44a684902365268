from __future__ import annotations

import pytest

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
    ToolChoice,
)
from llmlb_core.errors import UnsupportedParameter

HI = (Message("user", (TextPart("hi"),)),)
TOOLS = (Tool("get_time"),)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (ChatRequest(messages=HI, logprobs=True), "logprobs"),
        (CompletionRequest(prompts=("a",), logprobs=True), "logprobs"),
        (ChatRequest(messages=HI, sampling=Sampling(logit_bias=((1, 5.0),))), "logit_bias"),
        (ChatRequest(messages=HI, sampling=Sampling(seed=0)), "seed"),
        (ChatRequest(messages=HI, sampling=Sampling(presence_penalty=0.5)), "presence_penalty"),
        (ChatRequest(messages=HI, sampling=Sampling(frequency_penalty=-0.5)), "frequency_penalty"),
        (ChatRequest(messages=HI, sampling=Sampling(repeat_penalty=1.1)), "repeat_penalty"),
        (ChatRequest(messages=HI, response_format=ResponseFormat("json_object")), "response_format"),
        (ChatRequest(messages=HI, response_format=ResponseFormat("json_schema", schema_json="{}")), "response_format"),
        (ChatRequest(messages=HI, tools=TOOLS, tool_choice=ToolChoice("required")), "tool_choice"),
        (ChatRequest(messages=(Message("user", (ImagePart("data:,"),)),)), "messages"),
        (CompletionRequest(prompts=((1, 2),)), "prompt"),
        (CompletionRequest(prompts=("a",), suffix="b"), "suffix"),
    ],
)
async def test_feature_that_the_engine_lacks_is_refused(ask, sync_engine, request_, param):
    """A 400 that names the parameter, before anything runs; never a silent difference."""
    engine = sync_engine(lambda _request: ["x"])
    engine.supports = frozenset()

    with pytest.raises(UnsupportedParameter) as caught:
        await ask(engine, request_)

    assert param == caught.value.param
    assert [] == engine.requests


async def test_defaults_need_no_feature(ask, sync_engine, chat):
    """Values that change nothing are accepted by every engine; so are free choice of tools and an empty suffix."""
    engine = sync_engine(lambda _request: ["x"])
    engine.supports = frozenset()

    answers = await ask(engine, chat(sampling=Sampling(presence_penalty=0.0, repeat_penalty=1.0), tools=TOOLS))
    completion = await ask(engine, CompletionRequest(prompts=("a",), suffix=""))

    assert ({0: "x"}, {0: "x"}) == (answers.texts, completion.texts)


@pytest.mark.parametrize(
    "request_", [CompletionRequest(prompts=("a",), echo=True, logprobs=True), CompletionRequest(prompts=((1,),), echo=True)]
)
async def test_echo_of_what_is_not_known_is_refused(ask, sync_engine, request_):
    """Log probabilities of a prompt, or the text of token ids, are not made up."""
    with pytest.raises(UnsupportedParameter) as caught:
        await ask(sync_engine(lambda _request: ["x"]), request_)

    assert "echo" == caught.value.param


@pytest.mark.parametrize(
    ("request_", "param"),
    [(EmbeddingRequest(inputs=("a", (1, 2))), "input"), (EmbeddingRequest(inputs=("a",), dimensions=2), "dimensions")],
)
async def test_embedding_features_are_checked_too(ask, embedder, request_, param):
    """Token ids and chosen lengths only where an engine says so."""
    with pytest.raises(UnsupportedParameter) as caught:
        await ask(embedder, request_)

    assert param == caught.value.param
