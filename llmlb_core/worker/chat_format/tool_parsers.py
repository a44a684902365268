"""Tool calls found in free text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llmlb_core.domain.results import ToolCallDelta
from llmlb_core.worker.chat_format.call_formats import CLOSINGS, OPENINGS, WRAPPERS
from llmlb_core.worker.chat_format.call_readers import CallReader, JsonReader
from llmlb_core.worker.chat_format.pieces import Call, Markup, Parser, Piece, Text, held_length
from llmlb_core.worker.chat_format.required_call import new_call_id
from llmlb_core.worker.chat_format.tools import OfferedTool
from llmlb_core.worker.chat_format.written_call import WrittenCall

_MARKS = (*OPENINGS, *WRAPPERS)
_MAX_SPACE = 64


class ToolCalls(Parser):
    """Finds calls of offered tools, in whatever way models write them; a call is given out when it is complete.

    What begins like a call but is malformed, or names a tool that was not offered, is answer text after all. JSON without any
    mark is a call only as the whole answer, or right after another call. White space around calls is nobody's.
    """

    def __init__(self, tools: Iterable[OfferedTool], *, is_parallel: bool = True) -> None:
        """Find calls of *tools*; without *is_parallel* the first one ends the answer."""
        self._tools = {tool.name: tool for tool in tools}
        self._is_parallel = is_parallel
        self._index = 0
        self._held = ""
        self._reader: CallReader | None = None
        self._region = ""
        self._opening_length = 0
        self._may_be_bare = True
        self._is_after_call = False

    def feed(self, text: str) -> list[Piece]:
        """Return what is certainly text, and calls that are complete."""
        self._held += text
        return self._read(at_end=False)

    def finish(self) -> list[Piece]:
        """Return what was held back: a call whose end is missing is text, unless it can be read as it is."""
        return self._read(at_end=True)

    def _read(self, *, at_end: bool) -> list[Piece]:
        pieces: list[Piece] = []
        reads_on = True
        while reads_on and not self.is_done:
            if self._reader is not None:
                reads_on = self._read_call(self._reader, pieces, at_end=at_end)
            elif self._held:
                reads_on = self._read_text(pieces, at_end=at_end)
            else:
                reads_on = False
        return pieces

    def _read_call(self, reader: CallReader, pieces: list[Piece], *, at_end: bool) -> bool:
        """Read inside of what may be a call; whether to read on."""
        text, self._held = self._held, ""
        self._region += text
        end = reader.feed(text)
        if end is None:
            if not at_end:
                return False
            reader.finish()
            end = len(self._region) - self._opening_length
        region, self._held = self._region[: self._opening_length + end], self._region[self._opening_length + end :]
        self._reader, self._region = None, ""
        if reader.calls:
            pieces.append(Markup(region))
            self._give_calls(pieces, reader.calls)
        else:
            self._give_text(pieces, region)
        return True

    def _read_text(self, pieces: list[Piece], *, at_end: bool) -> bool:
        """Read outside of calls; whether to read on."""
        start = self._held.lstrip()
        space = len(self._held) - len(start)
        if self._is_after_call:
            closing = next((closing for closing in CLOSINGS if start.startswith(closing)), None)
            if closing is not None or (at_end and not start):
                self._swallow(pieces, space + len(closing or ""))
                return True
            if not at_end and any(closing.startswith(start) for closing in CLOSINGS):
                return False
        if self._may_be_bare and not start.startswith(_MARKS):
            if not at_end and any(mark.startswith(start) for mark in _MARKS):
                return False
            if start.startswith(("{", "[")):
                self._open(JsonReader(self._tools, is_bare=True), space)
                return True
        return self._find_mark(pieces, at_end=at_end)

    def _find_mark(self, pieces: list[Piece], *, at_end: bool) -> bool:
        """Give out the text before the next mark; whether there is one."""
        found = [(at, mark) for mark in _MARKS if (at := self._held.find(mark)) >= 0]
        if not found:
            keep = 0 if at_end else held_length(self._held, _MARKS)
            text = self._held[: len(self._held) - keep]
            self._give_text(pieces, text if at_end else _without_space(text), is_held=True)
            return False
        at, mark = min(found)
        self._give_text(pieces, _without_space(self._held[:at]), is_held=True)
        length = self._held.find(mark) + len(mark)
        if mark in OPENINGS:
            self._open(OPENINGS[mark](self._tools), length)
        else:
            self._swallow(pieces, length)
            self._may_be_bare = False
        return True

    def _open(self, reader: CallReader, length: int) -> None:
        """Begin to read a call; *length* characters belong to its opening."""
        self._reader, self._opening_length = reader, length
        self._region, self._held = self._held[:length], self._held[length:]
        self._may_be_bare = False

    def _give_calls(self, pieces: list[Piece], calls: Sequence[WrittenCall]) -> None:
        for call in calls if self._is_parallel else calls[:1]:
            pieces.append(Call(ToolCallDelta(index=self._index, id=new_call_id(), name=call.name, arguments=call.arguments)))
            self._index += 1
        self._is_after_call = self._may_be_bare = True
        self.is_done = not self._is_parallel

    def _give_text(self, pieces: list[Piece], text: str, *, is_held: bool = False) -> None:
        if not text:
            return
        pieces.append(Text(text))
        self._is_after_call = self._may_be_bare = False
        if is_held:
            self._held = self._held[len(text) :]

    def _swallow(self, pieces: list[Piece], length: int) -> None:
        pieces.append(Markup(self._held[:length]))
        self._held = self._held[length:]


def _without_space(text: str) -> str:
    """Return *text* without the white space it ends with, of which at most ``_MAX_SPACE`` characters are held back."""
    return text[: max(len(text.rstrip()), len(text) - _MAX_SPACE)]
