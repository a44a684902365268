"""Stop strings: they end an answer and are not part of it."""

from __future__ import annotations

from collections.abc import Iterable

from llmlb_core.worker.chat_format.pieces import Markup, Parser, Piece, Text, held_length


class Stops(Parser):
    """Ends the answer before the first stop string that is complete, also when it comes in several pieces.

    Of two that overlap, the one that is complete first wins, as it would one character at a time.
    """

    def __init__(self, stops: Iterable[str], own: Iterable[str] = ()) -> None:
        """Look for *stops*, and for the model's *own*, which nobody is told of; empty ones are ignored."""
        self._asked = frozenset(stops)
        self._stops = tuple(stop for stop in (*self._asked, *own) if stop)
        self._held = ""

    def feed(self, text: str) -> list[Piece]:
        """Return the text that is certainly not part of a stop string."""
        if self.is_done:
            return [Markup(text)]
        text = self._held + text
        found = [(start + len(stop), start, stop) for stop in self._stops if (start := text.find(stop)) >= 0]
        if found:
            self.is_done = True
            self._held = ""
            _, start, stop = min(found)
            self.stop = stop if stop in self._asked else None
            pieces: list[Piece] = [Text(text[:start])] if start else []
            return [*pieces, Markup(text[start:])]
        keep = held_length(text, self._stops)
        self._held = text[len(text) - keep :]
        return [Text(text[: len(text) - keep])] if keep < len(text) else []

    def finish(self) -> list[Piece]:
        """Return the text that only looked like the beginning of a stop string."""
        held, self._held = self._held, ""
        return [Text(held)] if held else []
