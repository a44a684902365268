"""Turns: the user's, the model's, and what tools answered.

A turn is ``{"role", "parts"}``; messages of one side that follow one another are one turn. Answers of tools are a turn of their
own: the model finds the beginning of what it is at by the last turn in which the user says something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmlb_core import ImagePart, Message, TextPart, ToolCall
from llmlb_core.errors import UnsupportedParameter
from llmlb_dialect_google.encode.images import image_part, is_inline
from llmlb_dialect_google.encode.text import is_object, spliced
from llmlb_dialect_google.generation import generation_of

NAME = "google"
UNSEALED = "skip_thought_signature_validator"
"""Google's own word for a call that no model of theirs has made: https://ai.google.dev/gemini-api/docs/thought-signatures (FAQ)."""


def contents_of(messages: Sequence[Message], model: str) -> list[dict[str, Any]]:
    """Return the turns that *messages*, which have no instructions, come to.

    Raises:
        UnsupportedParameter: An image is no data URL and no address, or a tool's answer belongs to no call.
    """
    generation = generation_of(model)
    turns: list[dict[str, Any]] = []
    sides: list[str] = []
    names: dict[str, str] = {}
    asked_at = max((index for index, message in enumerate(messages) if message.role == "user"), default=-1)
    for index, message in enumerate(messages):
        if message.role == "assistant":
            names.update((call.id, call.name) for call in message.tool_calls)
            # Only calls since the user spoke last are checked for their seals, from the third generation on.
            side, parts = "model", _model_parts(message, is_checked=generation >= 3 and index > asked_at)
        elif message.role == "tool":
            side, parts = "tool", _tool_parts(message, names, nests=generation >= 3)
        else:
            side, parts = "user", _said(message.parts) or [{"text": ""}]
        if not parts:
            continue  # the model said nothing
        if sides and sides[-1] == side:
            turns[-1]["parts"] += parts
        else:
            turns.append({"role": "model" if side == "model" else "user", "parts": parts})
            sides.append(side)
    return turns or [{"role": "user", "parts": [{"text": ""}]}]


def _said(parts: Iterable[TextPart | ImagePart]) -> list[dict[str, Any]]:
    """Return what is not empty: empty text is refused."""
    return [
        {"text": part.text} if isinstance(part, TextPart) else image_part(part.url)
        for part in parts
        if isinstance(part, ImagePart) or part.text
    ]


def _model_parts(message: Message, *, is_checked: bool) -> list[dict[str, Any]]:
    """Return thinking that is sealed, then text, then calls; each seal is on the part it came with.

    A seal with text of its own is of that thinking; one without is of what the model said.
    """
    parts: list[dict[str, Any]] = []
    said = _said(message.parts)
    for thinking in message.thinking:
        if thinking.dialect != NAME:
            continue
        if thinking.text:
            parts.append({"text": thinking.text, "thought": True, "thoughtSignature": thinking.seal})
        elif said and "thoughtSignature" not in said[-1]:
            said[-1]["thoughtSignature"] = thinking.seal
        else:
            said.append({"text": "", "thoughtSignature": thinking.seal})
    parts += said
    seals = [
        call.thinking.seal if call.thinking is not None and call.thinking.dialect == NAME else "" for call in message.tool_calls
    ]
    if seals and is_checked and not seals[0]:
        seals[0] = UNSEALED  # of calls that were made at once the first one has it
    parts += [_call_part(call, seal) for call, seal in zip(message.tool_calls, seals, strict=True)]
    return parts


def _call_part(call: ToolCall, seal: str) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"id": call.id, "name": call.name, "args": _arguments(call.arguments)}}
    if seal:
        part["thoughtSignature"] = seal
    return part


def _arguments(text: str) -> Any:
    """Return an object: the API takes nothing else. Text that is none is kept, so that the conversation can go on."""
    if not text.strip():
        return {}
    return spliced(text) if is_object(text) else {"INVALID_JSON": text}


def _tool_parts(message: Message, names: Mapping[str, str], *, nests: bool) -> list[dict[str, Any]]:
    """Return what a tool answered; *nests* = its images are part of it, else they follow."""
    name = names.get(message.tool_call_id or "") or message.name
    if name is None:
        raise UnsupportedParameter(
            f"A tool's answer belongs to the call '{message.tool_call_id}', which no message before it makes; "
            "the Gemini API needs the name of the function.",
            param="messages",
        )
    images = [image_part(part.url) for part in message.parts if isinstance(part, ImagePart)]
    answer: dict[str, Any] = {"name": name, "response": _response(message)}
    if message.tool_call_id:
        answer["id"] = message.tool_call_id
    if nests and all(map(is_inline, images)):
        if images:
            answer["parts"] = images
        return [{"functionResponse": answer}]
    return [{"functionResponse": answer}, *images]


def _response(message: Message) -> Any:
    """Return an object: JSON that is one passes as it is, other text is its ``output``, or ``error``."""
    text = message.text
    if message.is_error:
        return {"error": text}
    return spliced(text) if is_object(text) else {"output": text}
