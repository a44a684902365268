"""JSON read while it is being written."""

from __future__ import annotations

import json
import re

_IN_STRING = re.compile(r'["\\]')
_OUTSIDE = re.compile(r'["{}\[\]]')
_SCALAR_END = re.compile(r"[,\]}\s]")
_SPACE = " \t\r\n"


class ValueScanner:
    """Finds where one JSON value ends, without reading any character twice.

    It matches brackets and strings and leaves all else to a real parser: text that is not JSON just never ends, or ends early.

    Attributes:
        is_over: The value is complete.
    """

    def __init__(self) -> None:
        """Start at the first character of the value."""
        self.is_over = False
        self._has_begun = False
        self._is_scalar = False
        self._is_in_string = False
        self._is_escaped = False
        self._depth = 0

    def feed(self, text: str, start: int = 0) -> int:
        """Read ``text[start:]``; return the index where the value ends, or the end of *text*."""
        position = start
        if not self._has_begun and position < len(text):
            self._has_begun = True
            self._is_scalar = text[position] not in '"{['
        if self._is_scalar:
            end = _SCALAR_END.search(text, position)
            self.is_over = end is not None
            return end.start() if end else len(text)
        while position < len(text) and not self.is_over:
            position = self._step(text, position)
        return position

    def _step(self, text: str, position: int) -> int:
        """Read up to and including the next character that means something."""
        if self._is_escaped:
            self._is_escaped = False
            return position + 1
        found = (_IN_STRING if self._is_in_string else _OUTSIDE).search(text, position)
        if found is None:
            return len(text)
        sign = found[0]
        if sign == "\\":
            self._is_escaped = True
        elif sign == '"':
            self._is_in_string = not self._is_in_string
        else:
            self._depth += 1 if sign in "{[" else -1
        self.is_over = self._depth <= 0 and not self._is_in_string and not self._is_escaped
        return found.end()


class MemberScanner:
    """Reads the members of one JSON object while they are written.

    ``feed`` gives ``(key, raw text)`` pairs: the raw text of each value piece by piece, without the white space around it.

    Attributes:
        is_over: The object is complete.
    """

    def __init__(self) -> None:
        """Start before the object."""
        self.is_over = False
        self._is_open = False
        self._expects_value = False
        self._key = ""
        self._scanner: ValueScanner | None = None

    def feed(self, text: str) -> list[tuple[str, str]]:
        """Read *text*; return what it adds to values.

        Raises:
            ValueError: This is not an object.
        """
        pairs: list[tuple[str, str]] = []
        position = 0
        while position < len(text) and not self.is_over:
            if self._scanner is None:
                position = self._between(text, position)
                continue
            end = self._scanner.feed(text, position)
            raw, position = text[position:end], end
            if self._expects_value:
                if raw:
                    pairs.append((self._key, raw))
            else:
                self._key += raw
            if self._scanner.is_over:
                self._scanner = None
                if not self._expects_value:
                    self._key = str(json.loads(self._key))
        return pairs

    def _between(self, text: str, position: int) -> int:
        """Read one character before, between or after keys and values; stay at the first of a key or value."""
        sign = text[position]
        if sign in _SPACE:
            return position + 1
        if not self._is_open:
            if sign != "{":
                raise ValueError(f"expected a JSON object, got {text[position : position + 20]!r}")
            self._is_open = True
        elif sign == "}":
            self.is_over = True
        elif sign in ":,":
            self._expects_value = sign == ":"
        elif sign == "]" or (not self._expects_value and sign != '"'):
            raise ValueError(f"expected a member of a JSON object, got {text[position : position + 20]!r}")
        else:
            self._scanner = ValueScanner()
            if not self._expects_value:
                self._key = ""
            return position
        return position + 1
