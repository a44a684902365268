"""Bytes of a model joined to whole characters."""

from __future__ import annotations

import codecs
import re

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


class Characters:
    """Joins what an engine yields to whole characters.

    Attributes:
        count: How many characters were given out.
    """

    def __init__(self) -> None:
        """Start with nothing pending."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.count = 0

    @property
    def has_pending(self) -> bool:
        """Whether bytes of a character that is not complete are held back."""
        return bool(self._decoder.getstate()[0])

    def feed(self, text: str | bytes) -> str:
        """Return the characters that are complete by now; a ``str`` is taken as complete."""
        if isinstance(text, bytes):
            characters = self._decoder.decode(text)
        else:
            # A lone surrogate cannot be encoded again, and would break the frame it travels in.
            characters = self._decoder.decode(b"", final=True) if self.has_pending else ""
            characters += text if text.isascii() else _LONE_SURROGATES.sub("\ufffd", text)
        self.count += len(characters)
        return characters

    def finish(self) -> str:
        """Return what is left: a character that was never completed becomes U+FFFD."""
        characters = self._decoder.decode(b"", final=True)
        self.count += len(characters)
        return characters
