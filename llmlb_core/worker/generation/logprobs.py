"""Log probabilities kept in step with the text that a client sees."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from attrs import define

from llmlb_core.domain.results import TokenLogprob
from llmlb_core.worker.chat_format.pieces import Call, Piece, Text
from llmlb_core.worker.chat_format.text import Characters


@define
class _Span:
    start: int
    end: int
    entry: TokenLogprob


class LogprobLedger:
    """Knows which characters each token made, and gives its entry out with the first of them that is answer text.

    Positions count the characters of the raw text. A token all of whose characters are cut off, thinking or markup is dropped;
    so is one without characters, such as an end token.
    """

    def __init__(self) -> None:
        """Start at the beginning of an answer."""
        self._spans: deque[_Span] = deque()
        self._ahead: list[TokenLogprob] = []
        self._position = 0

    def read(self, text: str | bytes, entries: Sequence[TokenLogprob], characters: Characters) -> str:
        """Feed *text* to *characters*, noting which of them each of *entries* made; return the complete ones."""
        if not entries and not self._ahead:
            return characters.feed(text)
        entries = [*self._ahead, *entries]
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        tokens = [bytes(entry.bytes) or entry.token.encode("utf-8", "surrogatepass") for entry in entries]
        if not raw:
            # An engine that holds back half characters itself sends the entries of their tokens ahead.
            self._ahead = entries
            return ""
        self._ahead = []
        if isinstance(text, str) or b"".join(tokens) != raw:
            start = characters.count
            joined = characters.feed(text)
            if b"".join(tokens) == raw:
                self._note_each(entries, tokens, start)
            else:
                self._spans += (_Span(start, max(characters.count, start + 1), entry) for entry in entries)
            return joined
        parts = []
        for entry, token in zip(entries, tokens, strict=True):
            start = characters.count
            parts.append(characters.feed(token))
            end = characters.count + characters.has_pending
            if end > start:
                self._spans.append(_Span(start, end, entry))
        return "".join(parts)

    def _note_each(self, entries: Sequence[TokenLogprob], tokens: Sequence[bytes], start: int) -> None:
        """Note the spans of *tokens* that together are whole characters."""
        counted = Characters()
        for entry, token in zip(entries, tokens, strict=True):
            before = start + counted.count
            counted.feed(token)
            end = start + counted.count + counted.has_pending
            if end > before:
                self._spans.append(_Span(before, end, entry))

    def advance(self, piece: Piece) -> list[TokenLogprob]:
        """Pass the characters of *piece*; return the entries of tokens whose first visible character is in it."""
        if isinstance(piece, Call):
            return []
        begin, end = self._position, self._position + len(piece.text)
        self._position = end
        shown: list[TokenLogprob] = []
        if isinstance(piece, Text):
            while self._spans and self._spans[0].start < end:
                span = self._spans.popleft()
                if span.end > begin:
                    shown.append(span.entry)
        else:
            while self._spans and self._spans[0].end <= end:
                self._spans.popleft()
        return shown
