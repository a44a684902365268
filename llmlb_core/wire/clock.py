"""The ``Date`` header, made once a second."""

from __future__ import annotations

import time
from email.utils import formatdate


class Clock:
    """Keeps the line that ends every head."""

    def __init__(self) -> None:
        """Begin with now."""
        self._second = -1
        self._line = ""

    def date_line(self) -> str:
        """Return ``date: …``, an empty line, and nothing after it."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = f"date: {formatdate(second, usegmt=True)}\r\n\r\n"
        return self._line
