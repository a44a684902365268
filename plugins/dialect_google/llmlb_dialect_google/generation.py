"""Which generation a model is of: what it can be told differs."""

from __future__ import annotations

import re
from typing import Final

NEWEST: Final = 3
"""Of names without a number, such as ``gemini-flash-latest``."""
_NUMBER = re.compile(r"gemini-(\d{1,3})(?![\d])", re.ASCII)


def generation_of(model: str) -> int:
    """Return 2 of ``gemini-2.5-flash``, 3 of ``gemini-3.1-pro-preview``, and the newest where the name tells nothing."""
    found = _NUMBER.search(model)
    return int(found[1]) if found else NEWEST
