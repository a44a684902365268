"""Chat messages of every role, the older ``function`` included."""

from __future__ import annotations

from llmlb_core import Message, TextPart, ToolCall
from llmlb_core.errors import InvalidRequest, UnsupportedParameter
from llmlb_dialect_openai.decode.content import Parts, read_content
from llmlb_dialect_openai.fields import Fields, missing, quoted
from llmlb_dialect_openai.seals import read_blocks, read_extra

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_MAX_MESSAGES = 16_384


def read_messages(fields: Fields) -> tuple[Message, ...]:
    """Read ``messages``.

    Raises:
        InvalidRequest: With the path of what is wrong; also for a tool's answer to a call that no message made.
    """
    messages: list[Message] = []
    calls: set[str] = set()
    for index, item in enumerate(fields.filled_array("messages", max_length=_MAX_MESSAGES)):
        message = _message(Fields(item, f"messages[{index}]"))
        if message.role == "assistant":
            calls.update(call.id for call in message.tool_calls)
        elif message.role == "tool" and message.tool_call_id not in calls:
            raise InvalidRequest(
                f"Invalid 'messages[{index}]': messages with role 'tool' must be a response to a preceding message with "
                f"'tool_calls'; no call has the id {quoted(message.tool_call_id)}.",
                param=f"messages[{index}].tool_call_id",
            )
        messages.append(message)
    return tuple(messages)


def _message(fields: Fields) -> Message:
    """Read one message."""
    fields.require("role")
    role = fields.one_of("role", _ROLES)
    name = fields.string("name")
    if role == "user":
        return Message("user", read_content(fields, "content", ("text", "image_url")), name=name)
    if role == "system":
        return Message("system", read_content(fields, "content", ("text",)), name=name)
    if role == "developer":
        return Message("developer", read_content(fields, "content", ("text",)), name=name)
    if role == "tool":
        call_id = fields.required_string("tool_call_id")
        return Message("tool", read_content(fields, "content", ("text",)), name=name, tool_call_id=call_id)
    if role == "function":
        if name is None:
            raise missing(fields.param("name"))
        content: Parts = () if fields.value("content") is None else read_content(fields, "content", ("text",))
        return Message("tool", content, name=name, tool_call_id=_legacy_id(name))
    return _assistant(fields, name)


def _assistant(fields: Fields, name: str | None) -> Message:
    """Read what the model said before: text, calls, or both."""
    calls = tuple(
        _tool_call(Fields(item, f"{fields.param('tool_calls')}[{index}]"))
        for index, item in enumerate(fields.array("tool_calls", max_length=128) or ())
    )
    function = fields.object("function_call")
    if function is not None:
        called = function.required_string("name")
        calls += (ToolCall(_legacy_id(called), called, function.required_string("arguments")),)
    refusal = fields.string("refusal")
    if fields.value("audio") is not None:
        raise UnsupportedParameter("Audio answers are not supported here.", param=fields.param("audio"))
    parts: Parts = ()
    if fields.value("content") is not None or not (calls or refusal is not None):
        parts = read_content(fields, "content", ("text", "refusal"))
    elif refusal is not None and not calls:
        parts = (TextPart(refusal),)
    reasoning, thinking = fields.string("reasoning_content"), read_blocks(fields)
    return Message("assistant", parts, name=name, tool_calls=calls, reasoning=reasoning, thinking=thinking)


def _tool_call(fields: Fields) -> ToolCall:
    """Read one call that the model made."""
    call_id = fields.required_string("id")
    kind = fields.string("type") or "function"
    if kind != "function":
        raise UnsupportedParameter(f"Tool calls of type {quoted(kind)} are not supported here.", param=fields.param("type"))
    function = fields.required_object("function")
    return ToolCall(call_id, function.required_string("name"), function.required_string("arguments"), read_extra(fields))


def _legacy_id(name: str) -> str:
    """Make the id that joins an older ``function_call`` to the ``function`` message that answers it."""
    return f"call_{name}"
