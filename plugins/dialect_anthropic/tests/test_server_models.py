"""What each of Anthropic's models takes: sampling, thinking and the length of an answer, checked by the SDK's types."""

from __future__ import annotations

import json

import pytest
from llmlb_dialect_anthropic.server.dialect import AnthropicServerDialect
from llmlb_testing.providers.anthropic import FakeAnthropic
from llmlb_testing.providers.base import Asked

from llmlb_core import ChatRequest, Message, Sampling, TextPart, Tool, ToolChoice

DIALECT = AnthropicServerDialect()
OLD, NEW = "claude-sonnet-4-5", "claude-opus-5-5"
OLDEST = "claude-3-5-haiku-20241022"
OLDER = "claude-opus-4-20250514"
MIDDLE = "claude-opus-4-6"
HI = Message("user", (TextPart("hi"),))
WEATHER = Tool("weather", "Of a town.", '{"type":"object","properties":{"town":{"type":"string"}}}')


def body(request, model=OLD, *, stream=False):
    """Return what is sent, after the provider's schema has allowed it."""
    encoded = DIALECT.encode(request, model, stream=stream)
    path = f"/v1{encoded.path}"
    asked = Asked("POST", path, "", {"anthropic-version": "2023-06-01"}, json.loads(encoded.body))
    assert [] == FakeAnthropic().check(asked)
    return asked.json


def chat(**members):
    return ChatRequest(messages=(HI,), **members)


@pytest.mark.parametrize(
    ("model", "members", "expected"),
    [
        (OLD, {"reasoning_effort": "high"}, {"type": "enabled", "budget_tokens": 16_384}),
        (NEW, {"reasoning_effort": "high"}, {"type": "adaptive"}),
        (OLD, {"thinking_tokens": 2000}, {"type": "enabled", "budget_tokens": 2000}),
        (OLD, {"thinking_tokens": 10}, {"type": "enabled", "budget_tokens": 1024}),
        (OLD, {"thinking_tokens": 0}, {"type": "disabled"}),
        (OLD, {"thinking_tokens": 5000, "sampling": Sampling(max_tokens=3000)}, {"type": "enabled", "budget_tokens": 2999}),
        (OLD, {"thinking_tokens": 5000, "sampling": Sampling(max_tokens=300)}, None),
    ],
)
def test_how_much_is_thought(model, members, expected):
    """By tokens where the model counts them, by effort where it decides; always below the limit of the answer."""
    made = body(chat(**members), model)

    assert expected == made.get("thinking")
    assert made["max_tokens"] > made.get("thinking", {}).get("budget_tokens", 0)
    assert ({"effort": "high"} if model == NEW else None) == made.get("output_config")


def test_sampling_is_of_models_that_know_it():
    """Later ones are refused by name, or have it dropped; 1 is what they do anyway."""
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=5)

    old = body(chat(sampling=sampling), OLDER)
    new = body(chat(sampling=sampling), NEW)

    assert (0.5, 0.9, 5) == (old["temperature"], old["top_p"], old["top_k"])
    assert not {"temperature", "top_p", "top_k"} & set(new)
    assert ((), ("temperature", "top_p", "top_k")) == (
        DIALECT.lacks(chat(sampling=sampling), OLDER),
        DIALECT.lacks(chat(sampling=sampling), NEW),
    )
    assert () == DIALECT.lacks(chat(sampling=Sampling(temperature=1.0, top_p=1.0)), NEW)


@pytest.mark.parametrize("model", [OLD, MIDDLE, "claude-opus-4-1-20250805", "eu.anthropic.claude-haiku-4-5-20251001-v1:0"])
@pytest.mark.parametrize(
    ("temperature", "top_p", "sent", "lacks"),
    [
        (0.5, 1.0, {"temperature": 0.5}, ()),
        (1.0, 0.5, {"top_p": 0.5}, ()),
        (1.0, 1.0, {"temperature": 1.0}, ()),
        (0.2, 0.5, {"temperature": 0.2}, ("top_p",)),
    ],
)
def test_models_that_take_one_way_of_sampling_are_sent_one(model, temperature, top_p, sent, lacks):
    """They refuse both; 1 is as if it were not there, and clients like to write it."""
    request = chat(sampling=Sampling(temperature=temperature, top_p=top_p))

    made = body(request, model)

    assert (sent, lacks) == ({name: made[name] for name in ("temperature", "top_p") if name in made}, DIALECT.lacks(request, model))


@pytest.mark.parametrize("model", [OLD, MIDDLE])
def test_sampling_beside_thinking_is_named(model):
    """The API takes none then, but for what it does anyway."""
    odd = chat(sampling=Sampling(temperature=0.5, top_p=0.5, top_k=3), reasoning_effort="low")
    usual = chat(sampling=Sampling(temperature=1, top_p=0.99), reasoning_effort="low")

    assert not {"temperature", "top_p", "top_k"} & set(body(odd, model))
    assert ({"temperature", "top_p", "top_k"}, ()) == (set(DIALECT.lacks(odd, model)), DIALECT.lacks(usual, model))


@pytest.mark.parametrize("model", ["deepseek-chat", "qwen3-8b"])
def test_models_of_others_take_what_the_api_had_first(model):
    """Many servers speak this dialect, and their models have other names."""
    sampling = Sampling(temperature=0.5, top_p=0.5, top_k=3)

    assert () == DIALECT.lacks(chat(sampling=sampling), model)
    assert (0.5, 0.5, 3) == tuple(body(chat(sampling=sampling), model)[name] for name in ("temperature", "top_p", "top_k"))
    assert {"type": "enabled", "budget_tokens": 4096} == body(chat(reasoning_effort="medium"), model)["thinking"]


@pytest.mark.parametrize(
    ("tokens", "effort"), [(1, "low"), (4095, "low"), (4096, "medium"), (16_383, "medium"), (16_384, "high"), (99_999, "high")]
)
def test_models_that_take_no_number_of_tokens_are_told_an_effort(tokens, effort):
    """The other way round as from an effort to tokens."""
    made = body(chat(thinking_tokens=tokens), NEW)

    assert ({"type": "adaptive"}, {"effort": effort}) == (made["thinking"], made["output_config"])


@pytest.mark.parametrize(
    ("model", "limit"), [(OLDEST, 8192), ("claude-3-haiku-20240307", 4096), (OLDER, 16_384), (OLD, 16_384), (NEW, 16_384)]
)
def test_the_limit_of_an_answer_is_one_that_the_model_has(model, limit):
    """The API refuses more than a model can write."""
    assert limit == body(chat(), model)["max_tokens"]


@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh", "max"])
def test_thinking_and_answer_together_are_within_what_the_model_has(effort):
    """32,000 tokens of the first of its generation."""
    assert body(chat(reasoning_effort=effort), OLDER)["max_tokens"] <= 32_000


def test_thinking_leaves_half_of_a_limited_answer():
    """Where the client says how hard, and not how many tokens."""
    request = chat(reasoning_effort="high", sampling=Sampling(max_tokens=6000))

    assert {"type": "enabled", "budget_tokens": 3000} == body(request)["thinking"]


@pytest.mark.parametrize(
    ("model", "members", "lacks"),
    [
        (OLDEST, {"reasoning_effort": "low"}, ("reasoning_effort",)),
        (OLDEST, {"thinking_tokens": 2000}, ("thinking_tokens",)),
        (OLDEST, {"reasoning_effort": "none"}, ()),
        (OLDEST, {"thinking_tokens": 0}, ()),
        (OLD, {"reasoning_effort": "low", "tools": (WEATHER,), "tool_choice": ToolChoice("required")}, ("reasoning_effort",)),
        (MIDDLE, {"thinking_tokens": 2000, "tools": (WEATHER,), "tool_choice": ToolChoice("required")}, ("thinking_tokens",)),
        (NEW, {"reasoning_effort": "low", "tools": (WEATHER,), "tool_choice": ToolChoice("required")}, ()),
    ],
)
def test_thinking_that_cannot_be_had_is_named(model, members, lacks):
    """By models that cannot, and where a tool is forced."""
    request = chat(**members)

    assert (lacks, False) == (DIALECT.lacks(request, model), "thinking" in body(request, model))
