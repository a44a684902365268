"""Tools as a model needs them: described for its template, and as a JSON schema that a required call must fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from attrs import frozen

from llmlb_core.domain.chat import Tool, ToolChoice
from llmlb_core.errors import InvalidRequest

JsonObject = dict[str, object]


@frozen
class OfferedTool:
    """A tool that the model may call now; ``parameters`` is its JSON schema, decoded."""

    name: str
    description: str
    parameters: JsonObject

    def described(self) -> JsonObject:
        """Return the description that chat templates take."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


def offered_tools(tools: Sequence[Tool], choice: ToolChoice) -> tuple[OfferedTool, ...]:
    """Return the tools that *choice* lets the model call.

    Raises:
        InvalidRequest: The parameters of a tool are not a JSON schema object.
    """
    if choice.mode == "none":
        return ()
    return tuple(
        OfferedTool(tool.name, tool.description or "", _parameters(tool, index))
        for index, tool in enumerate(tools)
        if not choice.names or tool.name in choice.names
    )


def _parameters(tool: Tool, index: int) -> JsonObject:
    if tool.parameters_json is None:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    try:
        schema = json.loads(tool.parameters_json)
    except ValueError:
        schema = None
    if not isinstance(schema, dict):
        raise InvalidRequest(
            f"The parameters of the tool {tool.name!r} are no JSON schema object.", param=f"tools[{index}].function.parameters"
        )
    return schema


def call_schema(tools: Sequence[OfferedTool], otherwise: str | None = None) -> str:
    """Return the JSON schema of one call: ``{"name": …, "arguments": …}`` with arguments that fit the named tool.

    Args:
        tools: At least one.
        otherwise: Another JSON schema, as text, that the model's JSON may fit instead of a call.
    """
    definitions: JsonObject = {}
    variants = [
        {
            "type": "object",
            "properties": {
                "name": {"const": tool.name},
                "arguments": _embedded(_object_schema(tool.parameters), f"arguments_{index}", definitions),
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for index, tool in enumerate(tools)
    ]
    if otherwise is not None:
        variants.append(_embedded(json.loads(otherwise), "answer", definitions))
    schema: JsonObject = variants[0] if len(variants) == 1 else {"anyOf": variants}
    if definitions:
        schema["$defs"] = definitions
    return json.dumps(schema, ensure_ascii=False)


def _object_schema(schema: JsonObject) -> JsonObject:
    """Return *schema*, saying that it is an object where it says nothing."""
    speaks = any(key in schema for key in ("type", "$ref", "anyOf", "oneOf", "allOf"))
    return schema if speaks else {"type": "object", **schema}


def _embedded(schema: JsonObject, name: str, definitions: JsonObject) -> JsonObject:
    """Return *schema* as a part of a larger one: its references to itself point into ``#/$defs/<name>``."""
    schema = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
    root = f"#/$defs/{name}"
    moved = _moved(schema, root)
    if moved == schema:
        return schema
    assert isinstance(moved, dict)
    definitions[name] = moved
    return {"$ref": root}


def _moved(node: object, root: str) -> object:
    """Return *node* with every local reference prefixed by *root*."""
    if isinstance(node, Mapping):
        return {
            key: root + value[1:] if key == "$ref" and isinstance(value, str) and value.startswith("#") else _moved(value, root)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_moved(item, root) for item in node]
    return node
