"""Values that people and programs really send, and that code forgets."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]

BYTES: tuple[bytes, ...] = (
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe\xfd",
    b"null",
    b"1",
    b'"text"',
    b"[]",
    b"{",
    b"{}",
    b'{"a":1}{"a":1}',
    b'{"model": "\xc3"}',
    b'{"model": "\\ud800"}',
    b'{"model": NaN}',
    b'{"model": 1e999}',
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 100_000,
)
"""Bodies that are no request."""

STRINGS: tuple[str, ...] = (
    *("", " ", "\0", "\n", "\r\n", "'", '"', "%", "%00", "../../etc", "a\0b", "ä", "\u202e", "🙂", "\ud800", "${HOME}"),
    *("x" * 10_000, "a.b.c", "." * 50, "=" * 50, "-1", "--help", "NaN", "None"),
)
"""Texts that are no name of anything."""

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**30, -(10**30), 1e308, "", "\ud800", "x" * 70_000, [], [None], {}, {"a": {"b": []}}),
)
"""JSON values of the wrong type or size."""


def places(value: object, path: Place = ()) -> Iterator[Place]:
    """Yield the path of every value inside a JSON value, itself first."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield from places(inner, (*path, key))


def replaced(value: object, place: Place, new: object) -> object:
    """Return a copy of *value* with *new* at *place*."""
    if not place:
        return new
    copied: Any = copy.deepcopy(value)
    inner = copied
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return copied
