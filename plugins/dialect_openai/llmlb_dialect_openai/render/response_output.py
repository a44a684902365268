"""Output items of a response: a message, a function call, a piece of reasoning, each while it grows."""

from __future__ import annotations

from typing import Literal

from attrs import define, field

from llmlb_core import TokenLogprob
from llmlb_dialect_openai.render.parts import Json, logprob_objects

Status = Literal["in_progress", "completed", "incomplete"]


@define
class MessageItem:
    """Text that the model answered."""

    id: str
    index: int
    pieces: list[str] = field(factory=list)
    logprobs: list[TokenLogprob] = field(factory=list)

    def part(self) -> Json:
        """Return the only content part."""
        return {"type": "output_text", "text": "".join(self.pieces), "annotations": [], "logprobs": logprob_objects(self.logprobs)}

    def item(self, status: Status) -> Json:
        """Return the item; it has no content before its part was added."""
        content = [] if status == "in_progress" else [self.part()]
        return {"id": self.id, "type": "message", "role": "assistant", "status": status, "content": content}


@define
class ReasoningItem:
    """Thinking that the model showed.

    Attributes:
        encrypted: The same as its provider sealed it, to be sent back; None = it did not.
    """

    id: str
    index: int
    pieces: list[str] = field(factory=list)
    encrypted: str | None = None

    def part(self) -> Json:
        """Return the only content part."""
        return {"type": "reasoning_text", "text": "".join(self.pieces)}

    def item(self, status: Status) -> Json:
        """Return the item; nothing summarises it."""
        content = [] if status == "in_progress" else [self.part()]
        members: Json = {"summary": [], "content": content, "encrypted_content": self.encrypted, "status": status}
        return {"id": self.id, "type": "reasoning", **members}


@define
class CallItem:
    """A function that the model calls.

    Attributes:
        number: Which call of the answer, from 0.
        call_id: What the client's ``function_call_output`` will name.
    """

    id: str
    index: int
    number: int
    call_id: str
    name: str
    pieces: list[str] = field(factory=list)

    @property
    def arguments(self) -> str:
        """The arguments so far."""
        return "".join(self.pieces)

    def item(self, status: Status) -> Json:
        """Return the item; it has no arguments before their first piece came."""
        arguments = "" if status == "in_progress" else self.arguments
        return {
            "id": self.id,
            "type": "function_call",
            "call_id": self.call_id,
            "name": self.name,
            "arguments": arguments,
            "status": status,
        }


OutputItem = MessageItem | ReasoningItem | CallItem
