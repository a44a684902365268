"""Pieces of a model's raw text, and the parsers that make them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from attrs import frozen

from llmlb_core.domain.results import ToolCallDelta


@frozen
class Text:
    """Answer text."""

    text: str


@frozen
class Reasoning:
    """Thinking that precedes the answer."""

    text: str


@frozen
class Markup:
    """Raw text that nobody is shown: tags, and tool calls as the model wrote them."""

    text: str


@frozen
class Call:
    """A piece of a tool call; the raw text it came from is a ``Markup`` of its own."""

    delta: ToolCallDelta


Piece = Text | Reasoning | Markup | Call


class Parser(ABC):
    """Takes text apart as it comes.

    The texts of all ``Text``, ``Reasoning`` and ``Markup`` pieces, joined, are the text that was fed: nothing is lost, and log
    probabilities find their place by counting characters. Where the input is split never changes the joined result.

    Attributes:
        is_done: The answer is complete; whatever the model would still write is not wanted.
        stop: Which of the caller's stop strings made it so, else None.
    """

    is_done: bool = False
    stop: str | None = None

    @abstractmethod
    def feed(self, text: str) -> list[Piece]:
        """Take more text; return what is certain by now."""

    @abstractmethod
    def finish(self) -> list[Piece]:
        """Return what was held back: no more text joins it. Text may be fed again after something else came between."""


class Chain:
    """Parsers in a row, each fed with the ``Text`` that the one before it leaves."""

    def __init__(self, parsers: Sequence[Parser]) -> None:
        """Connect *parsers*; none at all passes text through."""
        self._parsers = tuple(parsers)

    @property
    def is_done(self) -> bool:
        """Whether one of the parsers saw the end of the answer."""
        return any(parser.is_done for parser in self._parsers)

    @property
    def stop(self) -> str | None:
        """The caller's stop string that ended the answer, if one did."""
        return next((parser.stop for parser in self._parsers if parser.stop is not None), None)

    def feed(self, text: str) -> list[Piece]:
        """Take more raw text; return the pieces that are certain by now."""
        pieces: list[Piece] = [Text(text)] if text else []
        for parser in self._parsers:
            pieces = _through(parser, pieces)
        return pieces

    def finish(self) -> list[Piece]:
        """Return what was held back anywhere in the row."""
        pieces: list[Piece] = []
        for parser in self._parsers:
            pieces = _through(parser, pieces)
            if not parser.is_done:
                pieces += parser.finish()
        return pieces


def _through(parser: Parser, pieces: Iterable[Piece]) -> list[Piece]:
    """Feed the text among *pieces* to *parser*; anything else ends what it holds back and passes."""
    out: list[Piece] = []
    for piece in pieces:
        if parser.is_done:
            break
        if isinstance(piece, Text):
            out += parser.feed(piece.text)
        else:
            out += parser.finish()
            out.append(piece)
    return out


def held_length(text: str, markers: Iterable[str]) -> int:
    """Return the length of the longest end of *text* that could be the beginning of one of *markers*."""
    longest = 0
    for marker in markers:
        for length in range(min(len(marker) - 1, len(text)), longest, -1):
            if marker.startswith(text[-length:]):
                longest = length
                break
    return longest
