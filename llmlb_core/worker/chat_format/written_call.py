"""A tool call as a model wrote it, read from its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from attrs import frozen

from llmlb_core.worker.chat_format.tools import OfferedTool

CALL_KEYS = frozenset({"name", "arguments", "parameters", "type", "id", "function"})
"""What JSON without any marker may hold, to be taken for a call."""

Tools = Mapping[str, OfferedTool]


@frozen
class WrittenCall:
    """A call that a model wrote; ``arguments`` is JSON text of an object."""

    name: str
    arguments: str


def written(name: str, arguments: Mapping[str, object]) -> WrittenCall:
    """Return the call of *name* with *arguments*."""
    text = json.dumps(arguments, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        # A lone surrogate, written as an escape by the model, can only be written as an escape again.
        text = json.dumps(arguments)
    return WrittenCall(name, text)


def read_calls(text: str, tools: Tools, *, name: str | None = None, is_bare: bool = False) -> Sequence[WrittenCall]:
    """Return the calls that JSON *text* is, or nothing where a part of it is none.

    Args:
        text: One JSON value: a call, an array of calls, or the arguments of *name*.
        tools: Those that may be called.
        name: The tool, where the text holds its arguments only.
        is_bare: Nothing but the text itself says that it is a call.
    """
    try:
        value = read_json(text)
        if name is not None:
            return (written(name, value),) if isinstance(value, dict) else ()
        calls = [_one_call(item, tools, is_bare=is_bare) for item in (value if isinstance(value, list) else [value])]
    except (ValueError, RecursionError):
        return ()
    return () if None in calls else [call for call in calls if call is not None]


def read_json(text: str) -> object:
    """Return the value of JSON *text*, line breaks inside strings allowed, as models write them.

    Raises:
        ValueError: Not JSON.
    """
    return json.loads(text, strict=False, parse_constant=_refuse)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _one_call(value: object, tools: Tools, *, is_bare: bool) -> WrittenCall | None:
    if not isinstance(value, dict):
        return None
    if is_bare and not ({"arguments", "parameters", "function"} & value.keys() and value.keys() <= CALL_KEYS):
        return None
    inner = value.get("function")
    call = inner if isinstance(inner, dict) else value
    name = call.get("name")
    if not isinstance(name, str) or name not in tools:
        return None
    arguments = call.get("arguments", call.get("parameters"))
    if isinstance(arguments, str) and arguments.strip():
        arguments = read_json(arguments)
    arguments = arguments or {}
    return written(name, arguments) if isinstance(arguments, dict) else None
