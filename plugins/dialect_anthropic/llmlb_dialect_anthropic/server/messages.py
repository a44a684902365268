"""Canonical messages as turns of content blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
import orjson

from llmlb_core import ImagePart, Message, TextPart, Thinking, ToolCall
from llmlb_core.errors import UnsupportedParameter

Block = dict[str, Any]
_IDS = re.compile(r"[a-zA-Z0-9_-]+")
_MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def system_of(messages: Sequence[Message]) -> list[Block]:
    """Return what system and developer messages say, wherever they stand: the API has one place for it."""
    return [_text(part.text) for each in messages if each.role in ("system", "developer") for part in _texts(each) if part.text]


def turns_of(messages: Sequence[Message], dialect: str) -> list[dict[str, Any]]:
    """Return turns of user and assistant by turns; neighbours of one role are one turn, results of tools are the user's.

    Raises:
        UnsupportedParameter: A call's arguments are no JSON object, or a picture is of a type that the API does not take.
    """
    turns: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        if message.role in ("system", "developer"):
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _assistant(message, dialect) if role == "assistant" else _user(message, number)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _user(message: Message, number: int) -> list[Block]:
    parts = [block for part in message.parts for block in _part(part, number)]
    if message.role != "tool":
        return parts
    result: Block = {"type": "tool_result", "tool_use_id": _id(message.tool_call_id or "")}
    if parts:
        result["content"] = parts
    if message.is_error:
        result["is_error"] = True
    return [result]


def _assistant(message: Message, dialect: str) -> list[Block]:
    blocks = [_thinking(each) for each in message.thinking if each.dialect == dialect]
    blocks += [_text(part.text) for part in _texts(message) if part.text]
    return blocks + [_tool_use(call) for call in message.tool_calls]


def _thinking(block: Thinking) -> Block:
    """Give a sealed block back as it came."""
    if block.kind == "redacted_thinking":
        return {"type": "redacted_thinking", "data": block.seal}
    return {"type": "thinking", "thinking": block.text, "signature": block.seal}


def _tool_use(call: ToolCall) -> Block:
    try:
        arguments = msgspec.json.decode(call.arguments) if call.arguments.strip() else {}
    except (msgspec.MsgspecError, UnicodeEncodeError):
        arguments = None
    if not isinstance(arguments, dict):
        raise UnsupportedParameter(
            f"The arguments of tool call {call.id!r} of '{call.name}' are no JSON object, and this provider takes nothing else.",
            param="messages",
        )
    # Their text as it is: no number is rounded, and what the model wrote is what it reads again.
    text = orjson.Fragment(call.arguments) if call.arguments.strip() else {}
    return {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": text}


def _id(call_id: str) -> str:
    """Return *call_id*, or another in its place where another provider's has characters that the API refuses."""
    if _IDS.fullmatch(call_id):
        return call_id
    return f"toolu_{sha256(call_id.encode()).hexdigest()[:24]}"


def _part(part: TextPart | ImagePart, number: int) -> list[Block]:
    if isinstance(part, TextPart):
        return [_text(part.text)] if part.text else []
    head, comma, data = part.url.partition(",")
    if not head.lower().startswith("data:"):
        return [{"type": "image", "source": {"type": "url", "url": part.url}}]
    media_type = head[5:].partition(";")[0].lower().replace("image/jpg", "image/jpeg")
    if not comma or media_type not in _MEDIA_TYPES or not head.lower().endswith(";base64"):
        raise UnsupportedParameter(
            f"A picture of messages[{number}] is {media_type or 'of no type'}; "
            f"this provider takes base64 of {', '.join(_MEDIA_TYPES)}.",
            param="messages",
        )
    return [{"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}]


def _texts(message: Message) -> list[TextPart]:
    return [part for part in message.parts if isinstance(part, TextPart)]


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
