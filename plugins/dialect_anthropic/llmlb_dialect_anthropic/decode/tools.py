"""``tools`` and ``tool_choice``."""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

from llmlb_core import Tool, ToolChoice
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_anthropic.fields import Fields, missing, quoted, unsupported, wrong_type, wrong_value

_MAX_TOOLS = 512
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}\Z")
_CHOICES = ("auto", "any", "tool", "none")


def read_tools(fields: Fields) -> tuple[Tool, ...]:
    """Read the tools, all of which the client runs itself.

    Raises:
        UnsupportedParameter: One is a tool of Anthropic's servers, or one that only their models know.
    """
    tools: list[Tool] = []
    names: set[str] = set()
    for index, item in enumerate(fields.array("tools", max_length=_MAX_TOOLS) or ()):
        entry = Fields(item, f"tools.{index}")
        kind = entry.string("type")
        if kind not in (None, "custom"):
            raise unsupported(
                entry.param("type"),
                f"Tools of type {quoted(kind)} are known to Anthropic's own models and servers only; "
                "describe a tool of your own, of type 'custom', with its 'input_schema'.",
            )
        tool = _tool(entry)
        if tool.name in names:
            raise InvalidRequest("tools: Tool names must be unique.", param=entry.param("name"))
        names.add(tool.name)
        tools.append(tool)
    return tuple(tools)


def _tool(entry: Fields) -> Tool:
    name = entry.required_string("name")
    if not _NAME.match(name):
        raise wrong_value(entry.param("name"), "a string that matches '^[a-zA-Z0-9_-]{1,128}$'", name)
    schema = entry.required_object("input_schema")
    kind = schema.value("type")
    if kind is None:
        raise missing(schema.param("type"))
    if kind != "object":
        raise wrong_value(schema.param("type"), "'object'", kind)
    return Tool(name, entry.string("description"), schema_text(schema), strict=bool(entry.boolean("strict")))


def schema_text(schema: Fields) -> str:
    """Return a JSON schema as JSON text.

    Raises:
        InvalidRequest: It is nested more deeply than JSON text can be written.
    """
    try:
        return orjson.dumps(schema.table).decode()
    except TypeError as error:
        raise InvalidRequest(f"{schema.path}: nested too deeply; 250 levels are the most.", param=schema.path) from error


def read_tool_choice(fields: Fields, tools: Sequence[Tool]) -> tuple[ToolChoice, bool]:
    """Return the choice, and whether several tools may be called at once."""
    value = fields.value("tool_choice")
    if value is None:
        return ToolChoice(), True
    if not isinstance(value, dict):
        raise wrong_type("tool_choice", "an object such as {'type': 'auto'}", value)
    choice = Fields(value, "tool_choice")
    choice.require("type")
    kind = choice.one_of("type", _CHOICES)
    is_parallel = not choice.boolean("disable_parallel_tool_use")
    if kind in ("any", "tool") and not tools:
        raise InvalidRequest("tool_choice: may only be specified while providing `tools`", param="tool_choice")
    if kind == "any":
        return ToolChoice("required"), is_parallel
    if kind == "none":
        return ToolChoice("none"), is_parallel
    if kind == "auto":
        return ToolChoice(), is_parallel
    name = choice.required_string("name")
    if all(name != tool.name for tool in tools):
        raise InvalidRequest(
            f"tool_choice: Tool {quoted(name)} not found in provided tools, which are {', '.join(tool.name for tool in tools[:8])}",
            param="tool_choice.name",
        )
    return ToolChoice("required", (name,)), is_parallel
