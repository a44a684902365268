"""Readers of the ways in which models write tool calls into their text."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from llmlb_core.worker.chat_format.json_stream import ValueScanner
from llmlb_core.worker.chat_format.tools import OfferedTool
from llmlb_core.worker.chat_format.written_call import CALL_KEYS, Tools, WrittenCall, read_calls, read_json, written

_MAX_HEAD_LENGTH = 256
_BARE_FIRST_KEY = re.compile(r'\s*(?:\[\s*)?\{\s*"([^"\\]*)"')
_BARE_PREFIX = re.compile(r'\s*(?:\[\s*)?(?:\{\s*(?:"[^"\\]*)?)?')
_NAMED_HEAD = re.compile(r"\s*(?P<name>[\w.-]+)\s*(?:\[CALL_ID\]\w+)?\s*(?:\[ARGS\])?\s*")
_FUNCTION_BEGIN = "<function="
_FUNCTION_END = "</function>"
_PARAMETER_BEGIN = "<parameter="
_PARAMETER_END = "</parameter>"


class CallReader(ABC):
    """Reads what follows the opening of a call.

    Attributes:
        calls: What was read; empty where it turned out to be no call.
    """

    def __init__(self, tools: Tools) -> None:
        """Know the *tools* that may be called."""
        self._tools = tools
        self._text = ""
        self.calls: Sequence[WrittenCall] = ()

    def feed(self, text: str) -> int | None:
        """Take more text; return where, in all of it, the call ends or proves to be none, or None to read on."""
        self._text += text
        return self._read()

    @abstractmethod
    def _read(self) -> int | None:
        """Read on in ``_text``."""

    def finish(self) -> None:
        """Read what there is, as no more text comes."""


class JsonReader(CallReader):
    """A JSON value after a head, such as a name; by default after white space only."""

    def __init__(self, tools: Tools, head: re.Pattern[str] | None = None, *, is_bare: bool = False) -> None:
        """Read JSON after *head*, whose group ``name`` is the tool; without it, the JSON names the tool itself.

        Args:
            tools: Those that may be called.
            head: Stands before the value.
            is_bare: No marker says that this is a call, so only JSON that looks like one in every detail is.
        """
        super().__init__(tools)
        self._head = head
        self._is_bare = is_bare
        self._name: str | None = None
        self._value_at = -1
        self._scanned = 0
        self._scanner = ValueScanner()

    def _read(self) -> int | None:
        if self._value_at < 0:
            end = self._find_value()
            if self._value_at < 0:
                return end
            self._scanned = self._value_at
        if self._is_bare and not self._may_be_bare():
            return self._value_at + 1
        self._scanned = self._scanner.feed(self._text, self._scanned)
        if not self._scanner.is_over:
            return None
        value = self._text[self._value_at : self._scanned]
        self.calls = read_calls(value, self._tools, name=self._name, is_bare=self._is_bare)
        return self._scanned

    def _find_value(self) -> int | None:
        """Note where the value begins; else return where it is certain that none does, or None to wait."""
        if self._head is None:
            index = len(self._text) - len(self._text.lstrip())
            if index == len(self._text):
                return None
            if self._text[index] in "{[":
                self._value_at = index
            return index
        index = self._text.find("{", 0, _MAX_HEAD_LENGTH)
        if index < 0:
            return _MAX_HEAD_LENGTH if len(self._text) >= _MAX_HEAD_LENGTH else None
        head = self._head.fullmatch(self._text[:index])
        if head is not None and head["name"] in self._tools:
            self._name, self._value_at = head["name"], index
        return index

    def _may_be_bare(self) -> bool:
        limit = self._value_at + _MAX_HEAD_LENGTH
        key = _BARE_FIRST_KEY.match(self._text, self._value_at, limit)
        if key is not None:
            return key[1] in CALL_KEYS
        return len(self._text) < limit and _BARE_PREFIX.fullmatch(self._text, self._value_at) is not None


class FunctionTagReader(CallReader):
    """``name>…</function>`` after ``<function=``, with JSON or ``<parameter=key>value</parameter>`` inside."""

    def __init__(self, tools: Tools) -> None:
        """Start after ``<function=``."""
        super().__init__(tools)
        self._searched = 0

    def _read(self) -> int | None:
        closed = self._text.find(">", 0, _MAX_HEAD_LENGTH)
        if closed < 0:
            return _MAX_HEAD_LENGTH if len(self._text) >= _MAX_HEAD_LENGTH else None
        if self._text[:closed].strip() not in self._tools:
            return closed + 1
        end = self._text.find(_FUNCTION_END, max(0, self._searched - len(_FUNCTION_END)))
        self._searched = len(self._text)
        if end < 0:
            return None
        self._read_body(closed, end)
        return end + len(_FUNCTION_END)

    def finish(self) -> None:
        """Read the call although its closing tag is missing."""
        closed = self._text.find(">", 0, _MAX_HEAD_LENGTH)
        if closed >= 0 and self._text[:closed].strip() in self._tools:
            self._read_body(closed, len(self._text))

    def _read_body(self, closed: int, end: int) -> None:
        tool, body = self._tools[self._text[:closed].strip()], self._text[closed + 1 : end].strip()
        if body.startswith("{"):
            self.calls = read_calls(body, self._tools, name=tool.name)
        elif not body or _PARAMETER_BEGIN in body:
            arguments = {key: _typed(value, key, tool) for key, value in _parameters(body)}
            self.calls = (written(tool.name, arguments),)


class ChoosingReader(CallReader):
    """Leaves the reading to another reader, chosen by the first characters."""

    def __init__(self, tools: Tools) -> None:
        """Start without a choice."""
        super().__init__(tools)
        self._inner: CallReader | None = None
        self._inner_at = 0
        self._passed = 0

    @abstractmethod
    def _choose(self, start: str) -> tuple[CallReader, int] | None:
        """Return who reads *start*, and from which index in it; None to wait for more."""

    def _read(self) -> int | None:
        if self._inner is None:
            start = self._text.lstrip()
            choice = self._choose(start) if start else None
            if choice is None:
                return None
            self._inner = choice[0]
            self._inner_at = self._passed = len(self._text) - len(start) + choice[1]
        end = self._inner.feed(self._text[self._passed :])
        self._passed = len(self._text)
        self.calls = self._inner.calls
        return None if end is None else self._inner_at + end

    def finish(self) -> None:
        """Let the chosen one finish."""
        if self._inner is not None:
            self._inner.finish()
            self.calls = self._inner.calls


class TaggedReader(ChoosingReader):
    """After ``<tool_call>``: JSON as most write it, or a ``<function=`` tag."""

    def _choose(self, start: str) -> tuple[CallReader, int] | None:
        if start.startswith(_FUNCTION_BEGIN):
            return FunctionTagReader(self._tools), len(_FUNCTION_BEGIN)
        return None if _FUNCTION_BEGIN.startswith(start) else (JsonReader(self._tools), 0)


class BracketReader(ChoosingReader):
    """After ``[TOOL_CALLS]``: an array of calls, or ``name[ARGS]{…}``."""

    def _choose(self, start: str) -> tuple[CallReader, int] | None:
        return JsonReader(self._tools, None if start[0] in "[{" else _NAMED_HEAD), 0


def _parameters(body: str) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of parameter tags; one line break at either end of a value belongs to its tag."""
    # Not a regular expression: many opening tags without an end would take it quadratic time.
    start = body.find(_PARAMETER_BEGIN)
    while start >= 0:
        key = body[start + len(_PARAMETER_BEGIN) : start + _MAX_HEAD_LENGTH].partition(">")[0]
        value_at = start + len(_PARAMETER_BEGIN) + len(key) + 1
        end = body.find(_PARAMETER_END, value_at)
        if end < 0:
            return
        yield key.strip(), body[value_at:end].removeprefix("\n").removesuffix("\n")
        start = body.find(_PARAMETER_BEGIN, end)


def _typed(value: str, key: str, tool: OfferedTool) -> object:
    """Return *value* as the tool's schema wants it: text stays text, all else is JSON where it can be."""
    properties = tool.parameters.get("properties")
    schema = properties.get(key) if isinstance(properties, dict) else None
    if isinstance(schema, dict) and schema.get("type") == "string":
        return value
    try:
        return read_json(value)
    except ValueError:
        return value
