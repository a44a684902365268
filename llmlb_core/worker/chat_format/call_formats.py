"""The marks by which models set tool calls apart from text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from llmlb_core.worker.chat_format.call_readers import BracketReader, CallReader, FunctionTagReader, JsonReader, TaggedReader
from llmlb_core.worker.chat_format.written_call import Tools


def _after(head: str) -> Callable[[Tools], CallReader]:
    """Return a maker of readers of JSON after *head*."""
    pattern = re.compile(head)
    return lambda tools: JsonReader(tools, pattern)


OPENINGS: Mapping[str, Callable[[Tools], CallReader]] = {
    "<tool_call>": TaggedReader,
    "<|tool_call|>": JsonReader,
    "<function_call>": JsonReader,
    "<|python_tag|>": JsonReader,
    "<function=": FunctionTagReader,
    "[TOOL_CALLS]": BracketReader,
    "<｜tool▁call▁begin｜>": _after(r"\s*(?:function<｜tool▁sep｜>)?(?P<name>[\w.-]+)\s*(?:<｜tool▁sep｜>)?\s*(?:```json\s*)?"),
    "<|tool_call_begin|>": _after(r"\s*(?:functions\.)?(?P<name>[\w.-]+?)(?::\d+)?\s*<\|tool_call_argument_begin\|>\s*"),
}
"""What begins a call, and who reads on from there."""

WRAPPERS = ("<｜tool▁calls▁begin｜>", "<|tool_calls_section_begin|>")
"""What may stand before the first call of several."""

CLOSINGS = (
    "</tool_call>",
    "<|/tool_call|>",
    "</function_call>",
    "</function>",
    ";",
    "```",
    "<｜tool▁call▁end｜>",
    "<｜tool▁calls▁end｜>",
    "<|tool_call_end|>",
    "<|tool_calls_section_end|>",
)
"""What may stand after a call and belongs to it."""
