"""Reasoning that a model writes in tags before its answer."""

from __future__ import annotations

from typing import Literal

from llmlb_core.worker.chat_format.pieces import Markup, Parser, Piece, Reasoning, Text, held_length

REASONING_TAGS = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
)


def open_tags(prompt: str) -> tuple[str, str] | None:
    """Return the tags that *prompt* ends within: its template has opened the reasoning already."""
    prompt = prompt.rstrip()
    return next((tags for tags in REASONING_TAGS if prompt.endswith(tags[0])), None)


class TaggedReasoning(Parser):
    """Keeps ``<think>…</think>`` apart when an answer begins with it; later in an answer such a tag is text like any other.

    White space around the tags is nobody's.
    """

    def __init__(self, opened: tuple[str, str] | None = None) -> None:
        """Start before the answer, or within *opened* where the prompt ends with the first of these tags."""
        self._opened = opened
        self._closing = opened[1] if opened else ""
        self._held = ""
        self._state: Literal["start", "opened", "thinking", "closed", "answer"] = "start"

    def feed(self, text: str) -> list[Piece]:
        """Return what is certainly reasoning or certainly answer."""
        self._held += text
        return self._read(at_end=False)

    def finish(self) -> list[Piece]:
        """Return what was held back; reasoning that was never closed stays reasoning."""
        return self._read(at_end=True)

    def _read(self, *, at_end: bool) -> list[Piece]:
        pieces: list[Piece] = []
        if self._state == "start":
            self._begin(pieces, at_end=at_end)
        if self._state == "opened":
            self._skip_space(pieces, "thinking")
        if self._state == "thinking":
            self._think(pieces, at_end=at_end)
        if self._state == "closed":
            self._skip_space(pieces, "answer")
        if self._state == "answer" and self._held:
            pieces.append(Text(self._held))
            self._held = ""
        return pieces

    def _begin(self, pieces: list[Piece], *, at_end: bool) -> None:
        """Look for an opening tag; a model whose prompt opened one sometimes writes it once more."""
        text = self._held.lstrip()
        candidates = (self._opened,) if self._opened else REASONING_TAGS
        tags = next((tags for tags in candidates if text.startswith(tags[0])), None)
        if tags is not None:
            self._closing = tags[1]
            self._swallow(pieces, len(self._held) - len(text) + len(tags[0]))
            self._state = "opened"
        elif at_end or not any(tags[0].startswith(text) for tags in candidates):
            self._state = "opened" if self._opened else "answer"

    def _think(self, pieces: list[Piece], *, at_end: bool) -> None:
        end = self._held.find(self._closing)
        body = self._held[:end] if end >= 0 else self._held[: len(self._held) - held_length(self._held, (self._closing,))]
        thought = body.rstrip() if end >= 0 or not at_end else self._held
        if thought:
            pieces.append(Reasoning(thought))
            self._held = self._held[len(thought) :]
        if end >= 0:
            self._swallow(pieces, end - len(thought) + len(self._closing))
            self._state = "closed"

    def _skip_space(self, pieces: list[Piece], then: Literal["thinking", "answer"]) -> None:
        self._swallow(pieces, len(self._held) - len(self._held.lstrip()))
        if self._held:
            self._state = then

    def _swallow(self, pieces: list[Piece], length: int) -> None:
        if length:
            pieces.append(Markup(self._held[:length]))
            self._held = self._held[length:]
