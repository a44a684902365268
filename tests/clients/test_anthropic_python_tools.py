"""The official ``anthropic`` client for Python: tools."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.model

ASK = [{"role": "user", "content": "What is the weather in Paris?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
WEATHER = {"name": "get_weather", "description": "Weather of a city", "input_schema": SCHEMA}
CLOCK = {"name": "get_time", "description": "Time of day", "input_schema": {"type": "object"}}
NAMED = {"type": "tool", "name": "get_weather"}


@pytest.mark.parametrize("model", ["smollm2", "echo"])
@pytest.mark.parametrize("choice", [{"type": "any"}, NAMED], ids=["any", "tool"])
def test_a_call_that_must_come_comes_and_fits_its_schema(claude, model, choice):
    """A ``tool_use`` block, its input an object."""
    answer = claude.messages.create(model=model, messages=ASK, tools=[WEATHER], tool_choice=choice, max_tokens=100)

    (block,) = answer.content
    assert ("tool_use", "get_weather", {"city", "unit"}) == (block.type, block.name, set(block.input))
    assert block.input["unit"] in ("celsius", "fahrenheit")
    assert block.id
    assert "tool_use" == answer.stop_reason


@pytest.mark.parametrize("model", ["smollm2", "echo"])
def test_a_streamed_call_is_put_together_by_the_client(claude, model):
    """From pieces of JSON."""
    with claude.messages.stream(model=model, messages=ASK, tools=[WEATHER, CLOCK], tool_choice=NAMED, max_tokens=100) as stream:
        kinds = {event.delta.type for event in stream if event.type == "content_block_delta"}
        (block,) = stream.get_final_message().content

    assert {"input_json_delta"} == kinds
    assert ("tool_use", {"city", "unit"}) == (block.type, set(block.input))


def test_without_obligation_text_is_an_answer(claude):
    """With ``none`` no call ever comes."""
    answer = claude.messages.create(model="echo", messages=ASK, tools=[WEATHER], tool_choice={"type": "none"}, max_tokens=50)

    assert ["text"] == [block.type for block in answer.content]
    assert "end_turn" == answer.stop_reason


def test_the_loop_of_an_agent_goes_round(claude):
    """The call is sent back with its result, also one that failed."""
    asked = {"model": "smollm2", "tools": [WEATHER]}
    first = claude.messages.create(**asked, messages=ASK, tool_choice={"type": "any"}, max_tokens=100)
    result = {"type": "tool_result", "tool_use_id": first.content[0].id, "content": "no such city", "is_error": True}

    second = claude.messages.create(
        **asked,
        messages=[*ASK, first.to_param(), {"role": "user", "content": [result, {"type": "text", "text": "Try again."}]}],
        tool_choice={"type": "none"},
        max_tokens=24,
    )

    assert second.content[0].text
