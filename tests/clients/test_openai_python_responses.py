"""The official ``openai`` client for Python: responses."""

from __future__ import annotations

import json

import openai
import pytest
from openai.types.responses import Response
from pydantic import BaseModel

pytestmark = pytest.mark.model

TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
TEXT_ORDER = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
TEXT_END = ["response.output_text.done", "response.content_part.done", "response.output_item.done"]


@pytest.mark.parametrize("model", ["smollm2", "echo"])
def test_a_response_is_created_whole(client, model):
    """Text and usage, valid read strictly (24157000-F12)."""
    raw = client.responses.with_raw_response.create(model=model, input="Say hello.", instructions="Be short.", max_output_tokens=16)

    response = Response.model_validate_json(raw.text, strict=True)
    assert response.output_text
    assert response.status in ("completed", "incomplete")
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert ("Be short.", 16, model) == (response.instructions, response.max_output_tokens, response.model)


def test_events_come_in_order_and_are_numbered(client):
    """From ``created`` to ``completed``, numbers from 0, deltas that join to the text."""
    events = list(client.responses.create(model="echo", input="one two three", stream=True))

    kinds = [event.type for event in events]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert [*TEXT_ORDER, *["response.output_text.delta"] * len(deltas), *TEXT_END, "response.completed"] == kinds
    assert list(range(len(events))) == [event.sequence_number for event in events]
    assert "one two three" == "".join(deltas) == events[-1].response.output_text
    assert 3 == events[-1].response.usage.output_tokens


def test_a_response_that_is_too_long_is_incomplete(client):
    """Plain and streamed."""
    asked = {"model": "echo", "input": "one two three four", "max_output_tokens": 2}

    plain = client.responses.create(**asked)
    last = list(client.responses.create(**asked, stream=True))[-1]

    assert ("incomplete", "max_output_tokens") == (plain.status, plain.incomplete_details.reason)
    assert ("response.incomplete", "max_output_tokens") == (last.type, last.response.incomplete_details.reason)


@pytest.mark.parametrize("model", ["smollm2", "echo"])
def test_functions_are_called_and_answered(client, model):
    """Items go back as they came, with the function's output behind them."""
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = client.responses.create(model=model, input=asked, tools=[TOOL], tool_choice="required", max_output_tokens=100)
    call = next(item for item in first.output if item.type == "function_call")

    second = client.responses.create(
        model=model,
        input=[
            *asked,
            *(item.model_dump(exclude_none=True) for item in first.output),
            {"type": "function_call_output", "call_id": call.call_id, "output": "22 degrees, sunny"},
        ],
        tools=[TOOL],
        tool_choice="none",
        max_output_tokens=16,
    )

    assert {"city"} == set(json.loads(call.arguments))
    assert "message" == second.output[0].type


def test_streamed_function_calls_have_their_events(client):
    """Added, pieces of arguments, done; the helper's final response has the call."""
    with client.responses.stream(
        model="smollm2", input="Weather in Paris?", tools=[TOOL], tool_choice={"type": "function", "name": "get_weather"}
    ) as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()

    arguments = [kind for kind in kinds if kind.startswith("response.function_call_arguments")]
    assert ["response.function_call_arguments.done"] == arguments[-1:]
    assert 1 < len(arguments)
    assert "get_weather" == response.output[0].name


def test_parse_gives_back_the_model_it_was_asked_for(client):
    """``text_format`` is a strict JSON schema."""

    class City(BaseModel):
        name: str

    response = client.responses.parse(model="smollm2", input="Name a city.", text_format=City, max_output_tokens=64, temperature=0)

    assert isinstance(response.output_parsed, City)


def test_logprobs_are_included_when_asked_for(client):
    """Under ``include``."""
    response = client.responses.create(
        model="smollm2", input="Hi", include=["message.output_text.logprobs"], top_logprobs=2, max_output_tokens=4, temperature=0
    )

    entries = response.output[0].content[0].logprobs

    assert all(entry.logprob <= 0 and 2 == len(entry.top_logprobs) for entry in entries)
    assert entries


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
    ],
)
def test_what_needs_state_or_hosted_tools_is_refused(client, wrong, param):
    """400 ``unsupported_parameter``."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**({"model": "echo", "input": "x"} | wrong))

    assert (param, "unsupported_parameter") == (caught.value.param, caught.value.code)


async def test_the_asynchronous_client_streams_responses(async_client):
    """The same events."""
    stream = await async_client.responses.create(model="echo", input="one two", stream=True)

    assert "response.completed" == [event.type async for event in stream][-1]
