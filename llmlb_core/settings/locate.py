"""Finds the line of every key in a TOML text, for errors that say ``llmlb.toml:12``.

``tomllib`` forgets lines. The text was parsed by it before, so this scanner may trust that it is valid TOML.
"""

from __future__ import annotations

import json
from bisect import bisect_right

Path = tuple[str | int, ...]


def line_by_path(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every table, key and array member of the valid TOML *text*."""
    return _Scanner(text).scan()


class _Scanner:
    """Walks over a valid TOML text once."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._newlines = [index for index, char in enumerate(self._text) if char == "\n"]
        self._lines: dict[Path, int] = {}
        self._table_counts: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip(" \t\n"):
            if self._text.startswith("[[", self._at):
                self._at += 2
                table = self._array_table(self._keys("]"))
                self._at += 2
            elif self._text[self._at] == "[":
                self._at += 1
                table = self._resolve(self._keys("]"))
                self._at += 1
            else:
                self._pair(table)
        return self._lines

    def _note(self, path: Path) -> None:
        self._lines.setdefault(path, bisect_right(self._newlines, self._at - 1) + 1)

    def _skip(self, blanks: str) -> bool:
        """Move over *blanks* and comments; False at the end."""
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif self._text[self._at] in blanks:
                self._at += 1
            else:
                return True
        return False

    def _keys(self, until: str) -> tuple[str, ...]:
        """Read a dotted key up to, not including, *until*."""
        keys: list[str] = []
        while self._skip(" \t.") and self._text[self._at] != until:
            if self._text[self._at] in "\"'":
                start = self._at
                self._string()
                raw = self._text[start : self._at]
                keys.append(_unquote(raw))
            else:
                start = self._at
                while self._text[self._at] not in " \t.=]":
                    self._at += 1
                keys.append(self._text[start : self._at])
        return tuple(keys)

    def _resolve(self, keys: tuple[str, ...]) -> Path:
        """Insert the index of the current member wherever a key names an array of tables."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            self._note(path)
            if path in self._table_counts:
                path = (*path, self._table_counts[path] - 1)
        return path

    def _array_table(self, keys: tuple[str, ...]) -> Path:
        array = (*self._resolve(keys[:-1]), keys[-1])
        index = self._table_counts.get(array, 0)
        self._table_counts[array] = index + 1
        self._note(array)
        self._note((*array, index))
        return (*array, index)

    def _pair(self, table: Path) -> None:
        start = self._at
        path = (*table, *self._keys("="))
        end, self._at = self._at, start
        for length in range(len(table) + 1, len(path) + 1):
            self._note(path[:length])
        self._at = end + 1
        self._skip(" \t")
        self._value(path)

    def _value(self, path: Path) -> None:
        char = self._text[self._at]
        if char in "\"'":
            self._string()
        elif char == "[":
            self._array(path)
        elif char == "{":
            self._inline_table(path)
        else:
            while self._at < len(self._text) and self._text[self._at] not in ",]}#\n":
                self._at += 1

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._skip(" \t\n,") and self._text[self._at] != "]":
            self._note((*path, index))
            self._value((*path, index))
            index += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._skip(" \t\n,") and self._text[self._at] != "}":
            self._pair(path)
        self._at += 1

    def _string(self) -> None:
        """Move over a string of any of the four kinds."""
        quote = self._text[self._at]
        if self._text.startswith(quote * 3, self._at):
            self._at += 3
            while not self._text.startswith(quote * 3, self._at):
                self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
            self._at += 3
            # up to two quotes may stand right before the closing three
            while self._at < len(self._text) and self._text[self._at] == quote:
                self._at += 1
            return
        self._at += 1
        while self._text[self._at] != quote:
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += 1


def _unquote(raw: str) -> str:
    if raw[0] == "'":
        return raw[1:-1]
    try:
        return str(json.loads(raw))
    except ValueError:  # TOML's \UXXXXXXXX and \e are not JSON's; such a key only loses its line
        return raw[1:-1]
