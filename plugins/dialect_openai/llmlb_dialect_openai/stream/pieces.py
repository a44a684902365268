"""The pieces of one chunk: what of it is text, and whose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import define, field

_TEXTS = {"content": "", "reasoning_content": "r", "reasoning": "r", "refusal": "f"}
_SILENT = frozenset({"role", "tool_calls", "function_call", *_TEXTS})
"""Members of a delta that are no text, or are looked at on their own."""


@define
class Piece:
    """Some text, where it stands.

    Attributes:
        channel: What it belongs to: ``0`` is the text of the first choice, ``0r`` its reasoning, ``0t1`` its second tool call.
        holder: The object whose member *key* is the text.
        choice: The one it is in.
        call: The tool call that it names, else None.
    """

    channel: str
    holder: dict[str, Any]
    key: str
    choice: dict[str, Any]
    call: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """The text."""
        text: str = self.holder[self.key]
        return text

    def replace(self, new: str | None) -> None:
        """Leave only what is *new* of it; a tool call whose name is not new has its id already, too."""
        if new is None and self.call is not None:
            del self.holder[self.key]
            self.call.pop("id", None)
        else:
            self.holder[self.key] = new or ""


@define
class Pieces:
    """What a chunk brings.

    Attributes:
        texts: In order.
        begun: Choices that it speaks of.
        finished: Those that it finishes.
        reasons: Why, in the same order.
        is_odd: Whether it brings what is no text and is not known.
    """

    texts: list[Piece] = field(factory=list)
    begun: list[int] = field(factory=list)
    finished: list[int] = field(factory=list)
    reasons: list[object] = field(factory=list)
    is_odd: bool = False


def pieces_of(choices: object) -> Pieces:
    """Take the ``choices`` of a chunk apart; what is not understood brings nothing."""
    pieces = Pieces()
    for choice in _objects(choices):
        index = choice.get("index", 0)
        if not isinstance(index, int):
            pieces.is_odd = True
            continue
        pieces.begun.append(index)
        delta = choice.get("delta")
        _add(pieces, choice, choice, "text", str(index))
        if isinstance(delta, dict):
            _of_delta(pieces, choice, delta, str(index))
        if choice.get("finish_reason"):
            pieces.finished.append(index)
            pieces.reasons.append(choice["finish_reason"])
    return pieces


def _of_delta(pieces: Pieces, choice: dict[str, Any], delta: dict[str, Any], index: str) -> None:
    for key, suffix in _TEXTS.items():
        _add(pieces, choice, delta, key, index + suffix)
    for call in _objects(delta.get("tool_calls")):
        _of_function(pieces, choice, call.get("function"), f"{index}t{call.get('index', 0)}", call)
    _of_function(pieces, choice, delta.get("function_call"), f"{index}t", {})
    if any(value for key, value in delta.items() if key not in _SILENT):
        pieces.is_odd = True


def _of_function(pieces: Pieces, choice: dict[str, Any], function: object, channel: str, call: dict[str, Any]) -> None:
    if isinstance(function, dict):
        _add(pieces, choice, function, "name", channel, call)
        _add(pieces, choice, function, "arguments", channel)


def _add(  # noqa: PLR0917  # a private shorthand
    pieces: Pieces,
    choice: dict[str, Any],
    holder: dict[str, Any],
    key: str,
    channel: str,
    call: dict[str, Any] | None = None,
) -> None:
    text = holder.get(key)
    if isinstance(text, str):
        if text:
            pieces.texts.append(Piece(channel, holder, key, choice, call))
    elif text is not None:
        pieces.is_odd = True


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            if isinstance(each, dict):
                yield each
