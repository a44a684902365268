from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from llmlb_engine_llamacpp.engine import LlamaCppEngine

from llmlb_core import (
    Cancel,
    ChatRequest,
    CompletionRequest,
    Delta,
    EmbeddingRequest,
    LocalModel,
    Message,
    ModelFacts,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    ToolChoice,
    Usage,
    Vectors,
)
from llmlb_core.errors import ContextLengthExceeded
from llmlb_core.worker.generation import generate

pytestmark = pytest.mark.model

MODEL = LocalModel("test", ModelFacts("gguf"))
GREEDY = Sampling(temperature=0, max_tokens=60)
WEATHER = Tool(
    "weather",
    "Tells the weather of a city.",
    json.dumps(
        {
            "type": "object",
            "properties": {"city": {"enum": ["Paris", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        }
    ),
)


def _says(text: str) -> tuple[Message, ...]:
    return (Message("user", (TextPart(text),)),)


async def _deltas(engine: LlamaCppEngine, request: ChatRequest | CompletionRequest) -> list[Delta]:
    return [result async for result in generate(engine, MODEL, request, Cancel()) if isinstance(result, Delta)]


def _text(deltas: Sequence[Delta], choice: int = 0) -> str:
    return "".join(delta.text for delta in deltas if delta.choice == choice)


def _usage(deltas: Sequence[Delta]) -> Usage:
    (usage,) = [delta.usage for delta in deltas if delta.usage is not None]
    return usage


async def test_chat_is_answered_through_the_models_own_template(engine: LlamaCppEngine) -> None:
    """The worker renders the template that the file carries, and usage counts what that is (24157000-F3)."""
    deltas = await _deltas(engine, ChatRequest(messages=_says("What is 2+2?"), sampling=GREEDY))

    prompt = (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert "4" in _text(deltas)
    assert ["stop"] == [delta.finish for delta in deltas if delta.finish]
    assert engine.count_tokens(prompt) == _usage(deltas).prompt_tokens


async def test_required_tool_is_called_with_arguments_that_fit(engine: LlamaCppEngine) -> None:
    """A small model that never calls tools by itself calls this one, by grammar."""
    request = ChatRequest(
        messages=_says("What is the weather in Paris?"),
        sampling=GREEDY,
        tools=(WEATHER,),
        tool_choice=ToolChoice("required"),
        parallel_tool_calls=False,
    )

    deltas = await _deltas(engine, request)

    calls = [call for delta in deltas for call in delta.tool_calls]
    assert ["weather"] == [call.name for call in calls if call.name]
    assert json.loads("".join(call.arguments for call in calls))["city"] in {"Paris", "Rome"}
    assert ["tool_calls"] == [delta.finish for delta in deltas if delta.finish]
    assert "" == _text(deltas)


async def test_json_object_is_an_object(engine: LlamaCppEngine) -> None:
    """``json_object`` and ``json_schema`` answers parse, and the latter fits."""
    schema = {
        "type": "object",
        "properties": {"sum": {"type": "integer", "maximum": 99}},
        "required": ["sum"],
        "additionalProperties": False,
    }
    shaped = ResponseFormat("json_schema", "sum", json.dumps(schema), strict=True)

    deltas = await _deltas(engine, ChatRequest(messages=_says("What is 2+2?"), sampling=GREEDY, response_format=shaped))

    assert ["sum"] == list(json.loads(_text(deltas)))


async def test_several_choices_are_counted_whole(engine: LlamaCppEngine) -> None:
    """N = 3 with a seed gives three different answers, the same each time (24157000-F10)."""
    request = ChatRequest(messages=_says("Tell me a story."), sampling=Sampling(temperature=1.2, seed=5, max_tokens=12), n=3)

    first, again = [await _deltas(engine, request) for _ in range(2)]

    answers = [_text(first, choice) for choice in range(3)]
    assert 3 == len(set(answers))
    assert answers == [_text(again, choice) for choice in range(3)]
    assert 36 == _usage(first).completion_tokens


async def test_stop_string_ends_an_answer_before_it(engine: LlamaCppEngine) -> None:
    """The harness cuts at the stop string and ends llama.cpp's work."""
    deltas = await _deltas(engine, ChatRequest(messages=_says("What is 2+2?"), sampling=GREEDY, stop=("=",)))

    assert "=" not in _text(deltas)
    assert ["stop"] == [delta.finish for delta in deltas if delta.finish]


async def test_logprobs_follow_the_text(engine: LlamaCppEngine) -> None:
    """Entries given out with deltas join to the answer."""
    request = ChatRequest(messages=_says("Say hello with an emoji 🙂"), sampling=GREEDY, logprobs=True, top_logprobs=2)

    deltas = await _deltas(engine, request)

    entries = [entry for delta in deltas for entry in delta.logprobs]
    assert _text(deltas).encode() == b"".join(bytes(entry.bytes) for entry in entries)
    assert all(entry.logprob <= 0 and len(entry.top) == 2 for entry in entries)


async def test_text_and_token_prompts_of_one_completion_say_the_same(engine: LlamaCppEngine) -> None:
    """Prompts of both kinds are answered side by side, each as its own choice."""
    tokens = tuple(engine._loaded().tokenize("Once upon a time", add_special=True))
    request = CompletionRequest(prompts=("Once upon a time", tokens), sampling=Sampling(temperature=0, max_tokens=6))

    deltas = await _deltas(engine, request)

    assert "" != _text(deltas, 0) == _text(deltas, 1)
    assert 12 == _usage(deltas).completion_tokens


async def test_long_chat_is_refused_with_both_numbers(engine: LlamaCppEngine) -> None:
    """A conversation beyond the context is an error before any text."""
    with pytest.raises(ContextLengthExceeded) as caught:
        await _deltas(engine, ChatRequest(messages=_says("word " * 700), sampling=GREEDY))

    assert 512 == caught.value.extras["context_tokens"]


async def test_embeddings_go_through_the_harness(engine: LlamaCppEngine) -> None:
    """Vectors come out as the engine made them."""
    (vectors,) = [
        result
        async for result in generate(engine, MODEL, EmbeddingRequest(inputs=("a", "b")), Cancel())
        if isinstance(result, Vectors)
    ]

    assert (2, 576) == (vectors.count, vectors.dimension)
