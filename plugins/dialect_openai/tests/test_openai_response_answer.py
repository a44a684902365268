"""Plain responses, and what they echo of their request."""

from __future__ import annotations

import json

import pytest
from openai.types.responses import Response

from llmlb_core import Delta, ToolCallDelta, Usage
from llmlb_core.errors import EngineFailed

PATH = "/v1/responses"
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": False}
FULL = {
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
    "instructions": "Be short.",
    "tools": [{"type": "function", "name": "add", "description": "adds", "parameters": SCHEMA, "strict": False}],
    "tool_choice": {"type": "function", "name": "add"},
    "parallel_tool_calls": False,
    "temperature": 0.5,
    "top_p": 1,
    "max_output_tokens": 32,
    "metadata": {"k": "v"},
    "store": True,
    "truncation": "auto",
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "p", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
    "user": "u",
}


def test_smallest_answer_is_valid_by_the_sdk_read_strictly(render, strictly):
    """Nothing asked for, everything present."""
    body = render(PATH, {"input": "hi"}, [Delta(text="Hello", finish="stop"), Delta(usage=Usage(1, 2))])

    response = strictly(Response, body)

    assert ("completed", "Hello", 3) == (response.status, response.output_text, response.usage.total_tokens)
    assert response.id.startswith("resp_")
    assert ("auto", [], True) == (response.tool_choice, response.tools, response.parallel_tool_calls)
    assert False is json.loads(body)["store"]


def test_request_is_echoed_as_it_was_understood(render, strictly):
    """Schemas come back unchanged; what has no effect here is not claimed."""
    response = strictly(Response, render(PATH, FULL, [Delta(text='{"x":1}', finish="stop")]))

    assert ("Be short.", {"k": "v"}, 0.5, 1.0, 32) == (
        response.instructions,
        response.metadata,
        response.temperature,
        response.top_p,
        response.max_output_tokens,
    )
    assert (SCHEMA, False, "adds") == (response.tools[0].parameters, response.tools[0].strict, response.tools[0].description)
    assert "add" == response.tool_choice.name
    assert (SCHEMA, "p", True) == (response.text.format.schema_, response.text.format.name, response.text.format.strict)
    assert ("low", None, "disabled", False) == (
        response.reasoning.effort,
        response.reasoning.summary,
        response.truncation,
        response.parallel_tool_calls,
    )


@pytest.mark.parametrize(
    "choice", ["none", "required", {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "add"}]}]
)
def test_every_tool_choice_is_echoed_validly(render, strictly, choice):
    """Modes and allowed tools too."""
    response = strictly(Response, render(PATH, {**FULL, "tool_choice": choice}, [Delta(finish="stop")]))

    assert choice == (response.tool_choice if isinstance(choice, str) else response.tool_choice.model_dump())


def test_calls_and_incompleteness_are_shown(render, strictly):
    """A call cut by the token limit is an incomplete item of an incomplete response."""
    deltas = [Delta(tool_calls=(ToolCallDelta(0, "call_a", "add", '{"x'),)), Delta(finish="length")]

    response = strictly(Response, render(PATH, FULL, deltas))

    assert ("incomplete", "max_output_tokens") == (response.status, response.incomplete_details.reason)
    assert ("call_a", '{"x', "incomplete") == (response.output[0].call_id, response.output[0].arguments, response.output[0].status)


def test_cut_answer_is_raised(render):
    """So that it can be tried again."""
    with pytest.raises(EngineFailed):
        render(PATH, {"input": "hi"}, [Delta(text="a")])


def test_sdk_reads_answers_and_parses_them(sdk):
    """``create`` and ``parse`` of the official client."""
    from pydantic import BaseModel

    class Point(BaseModel):
        x: int

    client = sdk([Delta(text='{"x":3}', finish="stop"), Delta(usage=Usage(1, 1))])

    assert '{"x":3}' == client.responses.create(model="m", input="hi").output_text
    assert Point(x=3) == client.responses.parse(model="m", input="hi", text_format=Point).output_parsed
