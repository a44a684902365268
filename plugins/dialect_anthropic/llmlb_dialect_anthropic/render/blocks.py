"""Deltas as blocks: which one a piece belongs to, where one begins and another ends."""

from __future__ import annotations

from typing import Literal

from attrs import define, field, frozen

from llmlb_core import Delta, Thinking, ToolCallDelta
from llmlb_core.errors import EngineFailed
from llmlb_dialect_anthropic.render.parts import Json
from llmlb_dialect_anthropic.seals import is_redacted, seal_of
from llmlb_dialect_anthropic.text import unique_id


@frozen
class Begin:
    """A block begins; it looks like *block*."""

    index: int
    block: Json


@frozen
class Append:
    """A piece is appended to the open block: text, thinking, JSON of arguments, or the signature of thinking."""

    index: int
    kind: Literal["text", "thinking", "input", "signature"]
    text: str


@frozen
class End:
    """The open block ends."""

    index: int


Step = Begin | Append | End


@define
class Blocks:
    """Turns deltas into steps. One block is open at a time, as in Anthropic's streams: clients run a tool when its block ends.

    Attributes:
        omits_thinking: Whether thinking shows no text.
        open: What kind of block is open: the index of a tool call, or a word.
        count: Blocks so far.
    """

    omits_thinking: bool = False
    open: Literal["text", "thinking"] | int | None = None
    count: int = 0
    _tied: list[tuple[Thinking, str]] = field(factory=list)
    _ids: dict[int, str] = field(factory=dict)

    @property
    def index(self) -> int:
        """Of the open block."""
        return self.count - 1

    def take(self, delta: Delta) -> list[Step]:
        """Return what *delta* adds.

        Raises:
            EngineFailed: It goes on with a tool call whose block has ended.
        """
        steps: list[Step] = []
        if delta.reasoning and not self.omits_thinking:
            self._append("thinking", {"type": "thinking", "thinking": "", "signature": ""}, delta.reasoning, steps)
        for thinking in delta.thinking:
            self._seal(thinking, steps)
        if delta.text:
            self._append("text", {"type": "text", "text": ""}, delta.text, steps)
        for piece in delta.tool_calls:
            self._call(piece, steps)
        return steps

    def close(self) -> list[Step]:
        """End the open block; nothing follows."""
        steps: list[Step] = []
        self._end(steps)
        return steps

    def _append(self, kind: Literal["text", "thinking"], block: Json, text: str, steps: list[Step]) -> None:
        if self.open != kind:
            self._begin(kind, block, steps)
        steps.append(Append(self.index, kind, text))

    def _seal(self, thinking: Thinking, steps: list[Step]) -> None:
        """Write a seal: below the thinking that is open where it is of that, else as a block of its own."""
        seal = seal_of(thinking)
        if is_redacted(thinking):
            self._whole({"type": "redacted_thinking", "data": seal}, steps)
            return
        if self.open != "thinking":
            self._begin("thinking", {"type": "thinking", "thinking": "", "signature": ""}, steps)
            if thinking.text and not self.omits_thinking:
                steps.append(Append(self.index, "thinking", thinking.text))
        steps.append(Append(self.index, "signature", seal))
        self._end(steps)

    def _call(self, piece: ToolCallDelta, steps: list[Step]) -> None:
        call_id = self._ids.get(piece.index)
        if call_id is None:
            call_id = self._ids[piece.index] = piece.id or unique_id("toolu_")
            if piece.thinking is not None:
                self._whole({"type": "redacted_thinking", "data": seal_of(piece.thinking, call_id)}, steps)
            self._begin(piece.index, {"type": "tool_use", "id": call_id, "name": piece.name or "", "input": {}}, steps)
        elif piece.thinking is not None:
            self._tied.append((piece.thinking, call_id))
        if piece.arguments:
            if self.open != piece.index:
                raise EngineFailed("The model went on with a tool call after it had begun another, which cannot be told here.")
            steps.append(Append(self.index, "input", piece.arguments))

    def _begin(self, kind: Literal["text", "thinking"] | int, block: Json, steps: list[Step]) -> None:
        self._end(steps)
        self.open = kind
        self.count += 1
        steps.append(Begin(self.index, block))

    def _whole(self, block: Json, steps: list[Step]) -> None:
        """Write a block that has no pieces."""
        self._end(steps)
        self.count += 1
        steps += (Begin(self.index, block), End(self.index))

    def _end(self, steps: list[Step]) -> None:
        if self.open is None:
            return
        self.open = None
        steps.append(End(self.index))
        tied, self._tied = self._tied, []
        for thinking, call_id in tied:
            self._whole({"type": "redacted_thinking", "data": seal_of(thinking, call_id)}, steps)
