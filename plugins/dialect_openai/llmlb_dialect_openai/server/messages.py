"""Canonical messages as those of ``/chat/completions``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmlb_core import ImagePart, Message, TextPart, ToolCall

Json = dict[str, Any]


def messages_of(messages: Sequence[Message]) -> list[Json]:
    """Return the messages; pictures in results of tools follow them as a message of the user, for the API has no other place."""
    made: list[Json] = []
    pictures: list[Json] = []
    for message in messages:
        if pictures and message.role != "tool":
            made.append(_pictures(pictures))
            pictures = []
        if message.role == "tool":
            made.append(_result(message))
            pictures += [_part(part) for part in message.parts if isinstance(part, ImagePart)]
        else:
            made.append(_assistant(message) if message.role == "assistant" else _spoken(message))
    return [*made, _pictures(pictures)] if pictures else made


def _spoken(message: Message) -> Json:
    made: Json = {"role": message.role, "content": _content(message)}
    if message.name is not None:
        made["name"] = message.name
    return made


def _assistant(message: Message) -> Json:
    made: Json = {"role": "assistant", "content": message.text if message.parts else None}
    if not message.parts and not message.tool_calls:
        made["content"] = ""
    if message.name is not None:
        made["name"] = message.name
    if message.tool_calls:
        made["tool_calls"] = [_call(call) for call in message.tool_calls]
    return made


def _call(call: ToolCall) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}


def _result(message: Message) -> Json:
    text = message.text
    if message.is_error:  # there is no member for it
        text = f"Error: {text}" if text else "Error"
    return {"role": "tool", "tool_call_id": message.tool_call_id, "content": text}


def _pictures(parts: list[Json]) -> Json:
    return {"role": "user", "content": parts}


def _content(message: Message) -> str | list[Json]:
    parts = message.parts
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    return [_part(part) for part in parts] if parts else ""


def _part(part: TextPart | ImagePart) -> Json:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    # "original" is newer than most servers.
    detail = part.detail if part.detail in ("auto", "low", "high") else "high"
    return {"type": "image_url", "image_url": {"url": part.url, "detail": detail}}
