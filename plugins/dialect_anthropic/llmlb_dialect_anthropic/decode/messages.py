"""``system`` and ``messages``."""

from __future__ import annotations

import orjson

from llmlb_core import Message, ToolCall
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_anthropic.decode.blocks import Parts, kind_among, read_blocks, read_part, read_text, read_texts
from llmlb_dialect_anthropic.decode.turns import AssistantTurn, Turns
from llmlb_dialect_anthropic.fields import Fields, missing, quoted, wrong_type
from llmlb_dialect_anthropic.seals import REDACTED, THINKING, unsealed

MAX_MESSAGES = 100_000
_ROLES = ("user", "assistant", "system")
_OF_USERS = ("text", "image", "document", "search_result", "tool_result")
_OF_MODELS = ("text", THINKING, REDACTED, "tool_use")
_OF_RESULTS = ("text", "image", "document", "search_result")


def read_conversation(fields: Fields) -> tuple[tuple[Message, ...], bool]:
    """Read both; say whether the answer goes on with the last message, which is the model's.

    Raises:
        InvalidRequest: With the path of what is wrong.
    """
    turns = Turns()
    system = fields.value("system")
    if system is not None and (parts := read_texts(system, "system")):
        turns.system(parts)
    items = fields.array("messages", max_length=MAX_MESSAGES)
    if items is None:
        raise missing("messages")
    if not items:
        raise InvalidRequest("messages: at least one message is required", param="messages")
    for index, item in enumerate(items):
        _read_message(Fields(item, f"messages.{index}"), turns, is_last=index == len(items) - 1)
    return _ended(turns)


def _read_message(entry: Fields, turns: Turns, *, is_last: bool) -> None:
    entry.require("role")
    role = entry.one_of("role", _ROLES)
    if role == "assistant":
        _read_assistant(entry, turns, is_last=is_last)
    elif role == "user":
        _read_user(entry, turns)
    elif parts := read_texts(entry.require("content"), entry.param("content")):
        turns.system(parts)
    else:
        raise _empty(entry)


def _ended(turns: Turns) -> tuple[tuple[Message, ...], bool]:
    """Return all messages, and whether the last one is to be gone on with: it is the model's, and says something."""
    if not turns.close():
        return tuple(turns.messages), False
    last = turns.messages[-1]
    if last.text != last.text.rstrip():
        raise InvalidRequest("messages: final assistant content cannot end with trailing whitespace", param="messages")
    if not last.parts:  # nothing to go on with
        return tuple(turns.messages if last.reasoning or last.thinking else turns.messages[:-1]), False
    return tuple(turns.messages), True


def _read_user(entry: Fields, turns: Turns) -> None:
    parts: list[Parts] = []
    results: list[Message] = []
    for block in read_blocks(entry.value("content"), entry.param("content")):
        kind = kind_among(block, _OF_USERS)
        if kind == "tool_result":
            results.append(_result(block))
        else:
            parts.append((read_part(block, kind),))
    if not (parts or results):
        raise _empty(entry)
    turns.user(entry.path, results, tuple(part for each in parts for part in each))


def _result(block: Fields) -> Message:
    """Return what a tool gave; nothing is a result, too."""
    call_id = block.required_string("tool_use_id")
    content = block.value("content")
    parts: Parts = ()
    if content is not None:
        param = block.param("content")
        parts = tuple(read_part(inner, kind_among(inner, _OF_RESULTS)) for inner in read_blocks(content, param))
    return Message("tool", parts, tool_call_id=call_id, is_error=bool(block.boolean("is_error")))


def _read_assistant(entry: Fields, turns: Turns, *, is_last: bool) -> None:
    turn = turns.assistant(entry.path)
    blocks = read_blocks(entry.value("content"), entry.param("content"))
    if not blocks and not is_last:
        raise _empty(entry)
    for block in blocks:
        kind = kind_among(block, _OF_MODELS)
        if kind == "text":
            turn.parts.append(read_text(block))
        elif kind == "tool_use":
            turn.calls.append(_call(block, turn))
        else:
            _think(block, kind, turn)


def _think(block: Fields, kind: str, turn: AssistantTurn) -> None:
    """Read a block of thinking; one without a signature was never sealed, as that of models which have no such thing."""
    text = None if kind == REDACTED else block.required_string("thinking")
    seal = block.required_string("data") if kind == REDACTED else block.string("signature")
    if text:
        turn.reasoning.append(text)
    if not seal:
        return
    found = unsealed(kind, text or "", seal)
    if found.call_id is not None:
        turn.tied[found.call_id] = found.thinking
    else:
        turn.thinking.append(found.thinking)


def _call(block: Fields, turn: AssistantTurn) -> ToolCall:
    call_id, name = block.required_string("id"), block.required_string("name")
    arguments = block.value("input")
    if arguments is None:
        raise missing(block.param("input"))
    if not isinstance(arguments, dict):
        raise wrong_type(block.param("input"), "an object", arguments)
    if any(call.id == call_id for call in turn.calls):
        raise InvalidRequest(f"{block.path}: `tool_use` ids must be unique, but {quoted(call_id)} is there twice", param=block.path)
    try:
        return ToolCall(call_id, name, orjson.dumps(arguments).decode())
    except TypeError as error:
        param = block.param("input")
        raise InvalidRequest(f"{param}: nested too deeply; 250 levels are the most.", param=param) from error


def _empty(entry: Fields) -> InvalidRequest:
    return InvalidRequest(
        f"{entry.path}: all messages must have non-empty content except for the optional final assistant message",
        param=entry.param("content"),
    )
