"""The official ``openai`` client for Python: tools."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.model

ASK = [{"role": "user", "content": "What is the weather in Paris?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "parameters": SCHEMA}}
CLOCK = {"type": "function", "function": {"name": "get_time", "description": "Time of day", "parameters": {"type": "object"}}}
NAMED = {"type": "function", "function": {"name": "get_weather"}}


def put_together(chunks) -> list[dict[str, str]]:
    """Join the pieces of streamed calls."""
    calls: list[dict[str, str]] = []
    for chunk in chunks:
        for piece in (chunk.choices[0].delta.tool_calls or ()) if chunk.choices else ():
            if piece.index == len(calls):
                assert "function" == piece.type
                calls.append({"id": piece.id, "name": piece.function.name, "arguments": ""})
            calls[piece.index]["arguments"] += piece.function.arguments or ""
    return calls


@pytest.mark.parametrize("model", ["smollm2", "echo"])
@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
def test_a_call_that_must_come_comes_and_fits_its_schema(client, model, choice):
    """Enforced by grammar, whatever the model thinks of it."""
    answer = client.chat.completions.create(model=model, messages=ASK, tools=[WEATHER], tool_choice=choice, max_tokens=100)

    choice = answer.choices[0]
    called = choice.message.tool_calls[0]
    arguments = json.loads(called.function.arguments)
    assert ("get_weather", {"city", "unit"}) == (called.function.name, set(arguments))
    assert arguments["unit"] in ("celsius", "fahrenheit")
    assert choice.message.content is None
    assert called.id


@pytest.mark.parametrize("model", ["smollm2", "echo"])
@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
def test_streamed_calls_are_enforced_too(client, model, choice):
    """Id, type and name once, then arguments in pieces."""
    chunks = list(
        client.chat.completions.create(
            model=model,
            messages=ASK,
            tools=[WEATHER, CLOCK][: 1 if choice == "required" else 2],
            tool_choice=choice,
            max_tokens=100,
            stream=True,
        )
    )

    calls = put_together(chunks)

    assert "get_weather" == calls[0]["name"]
    assert {"city", "unit"} == set(json.loads(calls[0]["arguments"]))
    assert calls[0]["id"]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).strip() == ""


@pytest.mark.parametrize("choice", ["none", "auto"])
def test_without_obligation_text_is_an_answer(client, choice):
    """With ``none`` no call ever comes."""
    answer = client.chat.completions.create(model="echo", messages=ASK, tools=[WEATHER], tool_choice=choice)

    assert (None, ASK[0]["content"]) == (answer.choices[0].message.tool_calls, answer.choices[0].message.content)


def test_an_answered_call_can_be_sent_back(client):
    """The second round of every agent."""
    first = client.chat.completions.create(model="smollm2", messages=ASK, tools=[WEATHER], tool_choice="required", max_tokens=100)
    message = first.choices[0].message
    answered = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "22 degrees, sunny"}

    second = client.chat.completions.create(
        model="smollm2",
        messages=[*ASK, message.model_dump(exclude_none=True), answered],
        tools=[WEATHER],
        tool_choice="none",
        max_tokens=24,
    )

    assert second.choices[0].message.content


def test_the_stream_helper_accumulates_calls(client):
    """The SDK's own accumulator."""
    with client.chat.completions.stream(
        model="smollm2", messages=ASK, tools=[WEATHER], tool_choice="required", max_tokens=100
    ) as stream:
        message = stream.get_final_completion().choices[0].message

    assert {"city", "unit"} == set(json.loads(message.tool_calls[0].function.arguments))
