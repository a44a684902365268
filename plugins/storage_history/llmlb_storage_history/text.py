"""Text as a column takes it."""

from __future__ import annotations

from functools import lru_cache

_MAX_TEXT = 300


@lru_cache(maxsize=4096)
def storable(text: str) -> str:
    """Return *text* as every database takes it: a client wrote some of it, and one bad character would lose a whole batch."""
    return text[:_MAX_TEXT].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
