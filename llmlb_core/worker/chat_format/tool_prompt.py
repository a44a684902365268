"""Tools told to a model whose template knows none, in words and tags."""

from __future__ import annotations

import json
from collections.abc import Sequence

from llmlb_core.domain.chat import ToolCall
from llmlb_core.worker.chat_format.tools import OfferedTool

CALL_OPENING = "<tool_call>\n"


def tool_section(tools: Sequence[OfferedTool]) -> str:
    """Return the part of a system message that describes *tools* and how to call one."""
    described = "\n".join(json.dumps(tool.described(), ensure_ascii=False) for tool in tools)
    return (
        "# Tools\n\n"
        "You may call one or more functions to help with the user's request. Their signatures:\n"
        f"<tools>\n{described}\n</tools>\n\n"
        "To call a function, answer with a JSON object that holds its name and arguments, inside tags:\n"
        '<tool_call>\n{"name": "<function name>", "arguments": <JSON object of arguments>}\n</tool_call>'
    )


def call_text(call: ToolCall) -> str:
    """Return an earlier *call* as such a model would have written it."""
    arguments = call.arguments.strip() or "{}"
    return f'{CALL_OPENING}{{"name": {json.dumps(call.name)}, "arguments": {arguments}}}\n</tool_call>'


def result_text(result: str) -> str:
    """Return the *result* of a call as text of a user's message."""
    return f"<tool_response>\n{result}\n</tool_response>"
