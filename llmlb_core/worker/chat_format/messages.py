"""The messages of a conversation, as a chat template takes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from attrs import evolve

from llmlb_core.domain.chat import Message, TextPart, ToolCall
from llmlb_core.worker.chat_format.template_traits import CallForm, Traits
from llmlb_core.worker.chat_format.tool_prompt import call_text, result_text


def template_messages(messages: Sequence[Message], traits: Traits, *, system_section: str = "") -> list[dict[str, object]]:
    """Return *messages* in the form that a template of such *traits* knows.

    What it does not know is told in another way: a system message in the first user's, tool calls and results as text.

    Args:
        messages: The conversation.
        traits: Of the template.
        system_section: Text to add to the system message.
    """
    messages = list(messages)
    has_calls = any(message.tool_calls or message.role == "tool" for message in messages)
    form = traits.call_form if has_calls else None
    if not traits.knows_developer:
        messages = [evolve(message, role="system") if message.role == "developer" else message for message in messages]
    if has_calls and form is None:
        messages = _with_calls_as_text(messages)
    elif form is not None and form.is_single:
        messages = _with_single_calls(messages)
    if system_section:
        messages = _with_section(messages, system_section)
    if not traits.takes_system:
        messages = _without_system(messages)
    name_by_id = {call.id: call.name for message in messages for call in message.tool_calls}
    return [_template_message(message, traits, form or CallForm(), name_by_id) for message in messages]


def _template_message(message: Message, traits: Traits, form: CallForm, name_by_id: dict[str, str]) -> dict[str, object]:
    out: dict[str, object] = {"role": message.role, "content": message.text}
    if traits.takes_parts:
        out["content"] = [{"type": "text", "text": message.text}]
    if message.name:
        out["name"] = message.name
    if message.role == "assistant":
        _add_reasoning(out, message, traits)
    if message.tool_calls:
        if not message.text and form.has_null_content:
            out["content"] = None
        out["tool_calls"] = [_template_call(call, form) for call in message.tool_calls]
    if message.tool_call_id is not None:
        out["tool_call_id"] = _id(message.tool_call_id, form)
        if message.tool_call_id in name_by_id:
            out.setdefault("name", name_by_id[message.tool_call_id])
    return out


def _add_reasoning(out: dict[str, object], message: Message, traits: Traits) -> None:
    if not message.reasoning:
        return
    if not traits.is_harmony:
        out["reasoning_content"] = message.reasoning
    elif not (message.text and message.tool_calls):  # harmony has one place for both, and its template refuses the two together
        out["thinking"] = message.reasoning


def _template_call(call: ToolCall, form: CallForm) -> dict[str, object]:
    arguments: object = call.arguments
    if not form.has_text_arguments:
        try:
            arguments = json.loads(call.arguments) if call.arguments.strip() else {}
        except ValueError:
            arguments = call.arguments  # what a model wrote need not be JSON; the template shows it as it is
    return {"id": _id(call.id, form), "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _id(call_id: str, form: CallForm) -> str:
    """Return *call_id*, or nine letters and digits made from it where the template accepts nothing else."""
    is_short = len(call_id) == 9 and call_id.isalnum()
    return call_id if is_short or not form.has_short_ids else hashlib.sha256(call_id.encode()).hexdigest()[:9]


def _with_calls_as_text(messages: Sequence[Message]) -> list[Message]:
    """Write tool calls into the assistant's text and results into a user's message."""
    out: list[Message] = []
    for message in messages:
        if message.role == "tool":
            text = result_text(message.text)
            if out and out[-1].role == "user" and out[-1].text.endswith("</tool_response>"):
                out[-1] = _with_text(out[-1], f"{out[-1].text}\n{text}")
            else:
                out.append(Message("user", (TextPart(text),)))
        elif message.tool_calls:
            texts = [message.text] if message.text else []
            text = "\n".join([*texts, *(call_text(call) for call in message.tool_calls)])
            out.append(evolve(_with_text(message, text), tool_calls=()))
        else:
            out.append(message)
    return out


def _with_single_calls(messages: Sequence[Message]) -> list[Message]:
    """Give every tool call a message of its own, followed by its result."""
    out: list[Message] = []
    pending: list[ToolCall] = []
    for message in messages:
        if message.role == "tool":
            call = next((call for call in pending if call.id == message.tool_call_id), None)
            if call is not None:
                pending.remove(call)
                out.append(Message("assistant", tool_calls=(call,)))
        if len(message.tool_calls) > 1:
            pending = list(message.tool_calls)
            if message.text:
                out.append(evolve(message, tool_calls=()))
        else:
            out.append(message)
    return out


def _with_section(messages: Sequence[Message], section: str) -> list[Message]:
    """Add *section* to the system message that opens the conversation."""
    first = messages[0] if messages else None
    if first is not None and first.role in ("system", "developer"):
        return [_with_text(first, f"{first.text}\n\n{section}" if first.text else section), *messages[1:]]
    return [Message("system", (TextPart(section),)), *messages]


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """Move the text of system messages to the front of the next user's message."""
    out: list[Message] = []
    texts: list[str] = []
    for message in messages:
        if message.role in ("system", "developer"):
            texts.append(message.text)
        elif message.role == "user" and texts:
            out.append(_with_text(message, "\n\n".join([*texts, message.text])))
            texts = []
        else:
            out.append(message)
    if texts:
        out.append(Message("user", (TextPart("\n\n".join(texts)),)))
    return out


def _with_text(message: Message, text: str) -> Message:
    return evolve(message, parts=(TextPart(text),))
