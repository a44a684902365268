"""Input items of the Responses API as messages: what the model did in one turn becomes one assistant message."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field

from llmlb_core import Message, Thinking, ToolCall
from llmlb_core.errors import InvalidRequest, UnsupportedParameter
from llmlb_dialect_openai.decode.content import Parts, read_content, read_texts
from llmlb_dialect_openai.fields import Fields, quoted
from llmlb_dialect_openai.seals import read_encrypted

_INPUT_PARTS = ("input_text", "input_image")
_OUTPUT_PARTS = ("output_text", "refusal", "input_text")
_ROLES = ("user", "assistant", "system", "developer")
_STATUSES = ("in_progress", "completed", "incomplete")


@define
class _Turn:
    """What the model did since somebody else spoke."""

    parts: Parts = ()
    calls: list[ToolCall] = field(factory=list)
    reasoning: str = ""
    thinking: list[Thinking] = field(factory=list)
    tied: dict[str, Thinking] = field(factory=dict)

    def message(self) -> Message | None:
        """Return it as one message, or None where it did nothing."""
        if not (self.parts or self.calls or self.reasoning or self.thinking):
            return None
        calls = tuple(evolve(call, thinking=self.tied[call.id]) if call.id in self.tied else call for call in self.calls)
        return Message("assistant", self.parts, tool_calls=calls, reasoning=self.reasoning or None, thinking=tuple(self.thinking))


@define
class _Items:
    """Messages so far, and the turn that is still open."""

    messages: list[Message] = field(factory=list)
    turn: _Turn = field(factory=_Turn)
    call_ids: set[str] = field(factory=set)

    def close_turn(self) -> None:
        """Write the open turn down."""
        message = self.turn.message()
        if message is not None:
            self.messages.append(message)
            self.turn = _Turn()

    def add(self, item: Fields) -> None:
        """Read the next item."""
        kind = item.string("type") or "message"
        item.one_of("status", _STATUSES)
        if kind == "message":
            self._message(item)
        elif kind == "function_call":
            call = ToolCall(item.required_string("call_id"), item.required_string("name"), item.required_string("arguments"))
            self.call_ids.add(call.id)
            self.turn.calls.append(call)
        elif kind == "function_call_output":
            self._output(item)
        elif kind == "reasoning":
            self._reasoning(item)
        elif kind == "item_reference":
            raise UnsupportedParameter(
                "Items cannot be referred to: no state is kept here. Send the item itself instead.", param=item.param("type")
            )
        else:
            raise UnsupportedParameter(
                f"Input items of type {quoted(kind)} are not supported here; 'message', 'function_call', 'function_call_output' "
                "and 'reasoning' are.",
                param=item.param("type"),
            )

    def _message(self, item: Fields) -> None:
        """Read a message of anybody."""
        item.require("role")
        role = item.one_of("role", _ROLES)
        if role == "assistant":
            parts = read_content(item, "content", _OUTPUT_PARTS)
            # Text after a call is the model's next step; templates have no place for it in the same message.
            if self.turn.calls or self.turn.parts:
                self.close_turn()
            self.turn.parts = parts
            return
        self.close_turn()
        if role == "user":
            self.messages.append(Message("user", read_content(item, "content", _INPUT_PARTS)))
        elif role == "system":
            self.messages.append(Message("system", read_content(item, "content", ("input_text",))))
        else:
            self.messages.append(Message("developer", read_content(item, "content", ("input_text",))))

    def _output(self, item: Fields) -> None:
        """Read what a function returned."""
        call_id = item.required_string("call_id")
        if call_id not in self.call_ids:
            raise InvalidRequest(
                f"No tool call found for function call output with call_id {quoted(call_id)}: "
                "send the 'function_call' item before it.",
                param=item.param("call_id"),
            )
        self.close_turn()
        self.messages.append(Message("tool", read_content(item, "output", ("input_text",)), tool_call_id=call_id))

    def _reasoning(self, item: Fields) -> None:
        """Read earlier thinking; it belongs to what the model did next."""
        texts = [
            read_texts(item.value(name), item.param(name), kind)
            for name, kind in (("content", "reasoning_text"), ("summary", "summary_text"))
        ]
        encrypted = item.string("encrypted_content")
        sealed = read_encrypted(texts[0], encrypted) if encrypted else None
        if sealed is not None and sealed[1] is not None:
            self.turn.tied[sealed[1]] = sealed[0]  # of a call, which may be the second of its turn
            return
        if self.turn.calls or self.turn.parts:
            self.close_turn()
        if sealed is not None:
            self.turn.thinking.append(sealed[0])
        self.turn.reasoning += texts[0] or texts[1]


def read_items(items: Sequence[object]) -> tuple[Message, ...]:
    """Read ``input`` where it is a list.

    Raises:
        InvalidRequest: With the path of what is wrong.
    """
    read = _Items()
    for index, item in enumerate(items):
        read.add(Fields(item, f"input[{index}]"))
    read.close_turn()
    return tuple(read.messages)
