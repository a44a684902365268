"""JSON that was cut, closed again where it stops."""

from __future__ import annotations

import re

# Possessive, so that a string without an end is found to be one in a single pass; but not whole groups, whose last round Python
# 3.11.2 keeps although it failed.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*"|[{}\[\],:]|[^\s{}\[\],:"]++|"', re.DOTALL)
_BEGUN = re.compile(rb'"[^"\\]*+(?:\\(?:u[0-9a-fA-F]{4}|[^u])[^"\\]*+)*', re.DOTALL)
_CLOSERS = {b"{": b"}", b"[": b"]"}


def mend(data: bytes) -> bytes | None:
    """Return the beginning of a JSON document as a whole one; None where nothing of it can be read.

    A string that is a value is kept as far as it goes; a name without its value, and a number whose end is not seen, are not.
    """
    outline = _Outline()
    for token in _TOKEN.finditer(data):
        mark = token.group()
        if not outline.closers and mark not in _CLOSERS:
            break  # neither an object nor an array, or behind its end
        if mark == b'"':  # the string in which it was cut; what stands in it is no structure
            if outline.is_name_next:
                break
            return data[: token.start()] + _begun(data[token.start() :]) + outline.end
        if outline.follow(mark, is_whole=mark[:1] == b'"' or token.end() < len(data)):
            outline.kept = token.end()
    return data[: outline.kept] + outline.end if outline.kept else None


class _Outline:
    """What is open at one place of a document.

    Attributes:
        closers: Of all that is open, outermost first.
        is_name_next: Whether a string would be the name of a member.
        kept: Up to here the document can be closed.
    """

    def __init__(self) -> None:
        self.closers: list[bytes] = []
        self.is_name_next = False
        self.kept = 0

    @property
    def end(self) -> bytes:
        """What closes all that is open."""
        return b"".join(reversed(self.closers))

    def follow(self, mark: bytes, *, is_whole: bool) -> bool:
        """Take the next token; return whether the document could be closed behind it."""
        if mark in _CLOSERS:
            self.closers.append(_CLOSERS[mark])
            self.is_name_next = mark == b"{"
            return True
        if mark == self.closers[-1]:
            self.closers.pop()
            self.is_name_next = False
            return True
        if mark in (b",", b":"):
            self.is_name_next = mark == b"," and self.closers[-1] == b"}"
            return False
        return is_whole and not self.is_name_next


def _begun(data: bytes) -> bytes:
    """Return a string that was cut, without half a character or half an escape at its end, and closed."""
    found = _BEGUN.match(data)
    text = b"" if found is None else found.group()[1:]
    return b'"' + text.decode(errors="ignore").encode() + b'"'
