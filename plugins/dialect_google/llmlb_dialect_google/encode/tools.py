"""Functions that the model may call, and whether it must."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmlb_core import ChatRequest, Tool
from llmlb_dialect_google.encode.text import spliced


def tools_of(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """Return the declarations; schemas pass as they are."""
    return [{"functionDeclarations": [_declaration(tool) for tool in tools]}]


def _declaration(tool: Tool) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.parameters_json:
        declaration["parametersJsonSchema"] = spliced(tool.parameters_json)
    return declaration


def tool_config(request: ChatRequest) -> dict[str, Any] | None:
    """Return what the model may choose; None = as it likes, which is the API's own default.

    ``VALIDATED`` is "as it likes" with arguments that fit the schema: what a strict tool wants, and the only mode besides ``ANY``
    that takes names.
    """
    choice = request.tool_choice
    names = {"allowedFunctionNames": list(choice.names)} if choice.names else {}
    if choice.mode == "none":
        return {"mode": "NONE"}
    if choice.mode == "required":
        return {"mode": "ANY", **names}
    if names or any(tool.strict for tool in request.tools):
        return {"mode": "VALIDATED", **names}
    return None
