from __future__ import annotations

import json

import pytest

from llmlb_core import Tool, ToolChoice
from llmlb_core.errors import InvalidRequest
from llmlb_core.worker.chat_format.tools import call_schema, offered_tools

WEATHER = Tool("get_weather", "Weather.", '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}')
TIME = Tool("get_time")
TREE = Tool(
    "plant", None, '{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"child":{"$ref":"#/$defs/node"}}}}}'
)


def resolved(schema: dict, node: dict) -> dict:
    """Follow a reference inside *schema*."""
    while "$ref" in node:
        target: object = schema
        for key in node["$ref"].removeprefix("#").strip("/").split("/"):
            target = target[key]
        node = target
    return node


def test_only_allowed_tools_are_offered():
    """A choice by name leaves the others out; `none` leaves all out."""
    tools = (WEATHER, TIME)

    offered = [offered_tools(tools, choice) for choice in (ToolChoice(), ToolChoice("required", ("get_time",)), ToolChoice("none"))]

    assert [["get_weather", "get_time"], ["get_time"], []] == [[tool.name for tool in tools] for tools in offered]


def test_arguments_belong_to_the_named_tool():
    """Each variant fixes the name and takes that tool's arguments only."""
    schema = json.loads(call_schema(offered_tools((WEATHER, TIME), ToolChoice())))

    variants = {variant["properties"]["name"]["const"]: variant["properties"]["arguments"] for variant in schema["anyOf"]}

    assert json.loads(WEATHER.parameters_json) == variants["get_weather"]
    assert {"type": "object", "properties": {}, "additionalProperties": False} == variants["get_time"]


def test_one_tool_needs_no_choice_between_variants():
    """The name stands first, so that it is known before the arguments are written."""
    schema = json.loads(call_schema(offered_tools((TIME,), ToolChoice())))

    assert ["name", "arguments"] == list(schema["properties"])
    assert ("object", ["name", "arguments"], False) == (schema["type"], schema["required"], schema["additionalProperties"])


def test_references_of_a_tool_point_into_the_larger_schema():
    """A recursive schema still means itself when it has become a part of another."""
    schema = json.loads(call_schema(offered_tools((TIME, TREE), ToolChoice())))

    node = resolved(schema, schema["anyOf"][1]["properties"]["arguments"])

    assert node == resolved(schema, node["properties"]["child"])


def test_an_answer_may_stand_instead_of_a_call():
    """With a response format and free choice of tools, the JSON is a call or the answer."""
    answer = '{"type":"object","properties":{"a":{"$ref":"#/$defs/t"}},"$defs":{"t":{"type":"string"}}}'

    schema = json.loads(call_schema(offered_tools((TIME,), ToolChoice()), otherwise=answer))

    found = resolved(schema, schema["anyOf"][1])
    assert {"type": "string"} == resolved(schema, found["properties"]["a"])


@pytest.mark.parametrize("parameters", ["[]", "{", '"text"'])
def test_parameters_that_are_no_schema_are_refused(parameters):
    """The error names the tool's place in the request."""
    with pytest.raises(InvalidRequest) as caught:
        offered_tools((TIME, Tool("bad", None, parameters)), ToolChoice())

    assert "tools[1].function.parameters" == caught.value.param
