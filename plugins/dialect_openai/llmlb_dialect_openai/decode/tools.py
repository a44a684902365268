"""Tools and the choice among them, in the shapes of chat, of responses, and of the older ``functions``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from llmlb_core import Tool, ToolChoice
from llmlb_core.errors import InvalidRequest, UnsupportedParameter
from llmlb_dialect_openai.decode.schema import read_name, read_schema
from llmlb_dialect_openai.fields import Fields, missing, quoted, wrong_type

_MAX_TOOLS = 128
_MODES: dict[str, Literal["none", "auto", "required"]] = {"none": "none", "auto": "auto", "required": "required"}


def read_tools(fields: Fields, *, is_flat: bool, strict_default: bool = False) -> tuple[Tool, ...]:
    """Read ``tools``.

    Args:
        fields: The body.
        is_flat: The Responses API writes a function's members beside ``type``; chat puts them under ``function``.
        strict_default: What an absent ``strict`` means.
    """
    tools = []
    for index, item in enumerate(fields.array("tools", max_length=_MAX_TOOLS) or ()):
        entry = Fields(item, f"tools[{index}]")
        kind = entry.required_string("type")
        if kind != "function":
            raise UnsupportedParameter(
                f"Tools of type {quoted(kind)} are not supported here; only 'function' is, which your own code runs.",
                param=entry.param("type"),
            )
        function = entry if is_flat else entry.required_object("function")
        tools.append(_function(function, strict_default=strict_default))
    _check_names(tools, "tools")
    return tuple(tools)


def read_functions(fields: Fields) -> tuple[Tool, ...]:
    """Read the older ``functions``."""
    items = fields.array("functions", max_length=_MAX_TOOLS) or ()
    tools = [_function(Fields(item, f"functions[{index}]"), strict_default=False) for index, item in enumerate(items)]
    _check_names(tools, "functions")
    return tuple(tools)


def _function(function: Fields, *, strict_default: bool) -> Tool:
    """Read one function."""
    strict = function.boolean("strict")
    parameters = read_schema(function, "parameters")
    if parameters is not None:
        kind = function.object("parameters")
        declared = kind.value("type") if kind is not None else None
        if declared not in (None, "object"):
            param = function.param("parameters")
            raise InvalidRequest(
                f"Invalid schema for '{param}': schema must be a JSON schema of 'type: \"object\"', got {quoted(declared)}.",
                param=param,
                code="invalid_function_parameters",
            )
    return Tool(
        name=read_name(function),
        description=function.string("description"),
        parameters_json=parameters,
        strict=strict_default if strict is None else strict,
    )


def _check_names(tools: Sequence[Tool], param: str) -> None:
    """Raise where two functions share a name: a call could mean either."""
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        if tool.name in seen:
            raise InvalidRequest(
                f"Invalid '{param}[{index}]': the function name '{tool.name}' is used twice.", param=f"{param}[{index}]"
            )
        seen.add(tool.name)


def read_tool_choice(fields: Fields, tools: Sequence[Tool], *, is_flat: bool) -> ToolChoice:
    """Read ``tool_choice``: a mode, one function, or a set of allowed ones."""
    value = fields.value("tool_choice")
    if value is None:
        return ToolChoice()
    if isinstance(value, str):
        mode = _mode(value, "tool_choice")
        if mode == "required" and not tools:
            raise _without_tools()
        return ToolChoice(mode)
    if not isinstance(value, dict):
        raise wrong_type("tool_choice", "one of 'none', 'auto', 'required', or an object", value)
    choice = Fields(value, "tool_choice")
    kind = choice.required_string("type")
    if kind == "function":
        return ToolChoice("required", (_chosen(choice, tools, is_flat=is_flat),))
    if kind == "allowed_tools":
        allowed = choice if is_flat else choice.required_object("allowed_tools")
        mode = _mode(allowed.required_string("mode"), allowed.param("mode"), ("auto", "required"))
        items = allowed.filled_array("tools", max_length=_MAX_TOOLS)
        names = [_allowed(Fields(item, f"{allowed.param('tools')}[{i}]"), tools, is_flat=is_flat) for i, item in enumerate(items)]
        return ToolChoice(mode, tuple(dict.fromkeys(names)))
    raise UnsupportedParameter(
        f"A tool choice of type {quoted(kind)} is not supported here; 'function' and 'allowed_tools' are.", param="tool_choice.type"
    )


def read_function_call(fields: Fields, tools: Sequence[Tool]) -> ToolChoice:
    """Read the older ``function_call``: ``none``, ``auto`` or ``{"name": …}``."""
    value = fields.value("function_call")
    if value is None:
        return ToolChoice()
    if isinstance(value, str):
        return ToolChoice(_mode(value, "function_call", ("none", "auto")))
    return ToolChoice("required", (_known(Fields(value, "function_call"), tools),))


def _mode(value: str, param: str, options: Sequence[str] = tuple(_MODES)) -> Literal["none", "auto", "required"]:
    """Check a mode."""
    if value not in options:
        supported = ", ".join(f"'{option}'" for option in options)
        raise InvalidRequest(f"Invalid value for '{param}': expected one of {supported}, but got {quoted(value)}.", param=param)
    return _MODES[value]


def _allowed(item: Fields, tools: Sequence[Tool], *, is_flat: bool) -> str:
    """Read one entry of ``allowed_tools``."""
    kind = item.required_string("type")
    if kind != "function":
        raise UnsupportedParameter(f"Tools of type {quoted(kind)} are not supported here.", param=item.param("type"))
    return _chosen(item, tools, is_flat=is_flat)


def _chosen(choice: Fields, tools: Sequence[Tool], *, is_flat: bool) -> str:
    """Return the function that *choice* names."""
    return _known(choice if is_flat else choice.required_object("function"), tools)


def _known(function: Fields, tools: Sequence[Tool]) -> str:
    """Return a name that must be among *tools*."""
    if function.value("name") is None:
        raise missing(function.param("name"))
    name = function.required_string("name")
    if not tools:
        raise _without_tools()
    if not any(name == tool.name for tool in tools):
        raise InvalidRequest(
            f"Tool choice {quoted(name)} not found in 'tools' parameter; it names "
            f"{', '.join(tool.name for tool in tools[:8])}{' …' if len(tools) > 8 else ''}.",
            param=function.param("name"),
        )
    return name


def _without_tools() -> InvalidRequest:
    """Make the error for a choice among nothing."""
    return InvalidRequest("'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
