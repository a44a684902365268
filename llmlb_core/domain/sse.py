"""Server-sent events, cut into single ones (WHATWG HTML, 9.2: lines end with LF, CRLF or CR; a blank line ends an event)."""

from __future__ import annotations

import re
from collections.abc import Iterator

BLANK_LINES = (b"\n\n", b"\n\r\n", b"\r\r")
"""How events end; CRLF CRLF holds the second."""
_BETWEEN = re.compile(rb"((?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)+)")  # one CRLF is never two line ends
_LINE_END = re.compile(rb"\r\n|\r|\n")


def split_events(events: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield each event as it stands, with its blank line, and its data: None where it has none, such as a comment.

    The last one may lack its blank line. Together they are *events*, byte for byte.
    """
    parts = _BETWEEN.split(events)
    for at in range(0, len(parts), 2):
        event = parts[at]
        end = parts[at + 1] if at + 1 < len(parts) else b""
        if event or end:
            yield event + end, _data(event)


def _data(event: bytes) -> bytes | None:
    if event.startswith(b"data: ") and b"\n" not in event and b"\r" not in event:  # as nearly all are
        return event[6:]
    lines = [line[5:].removeprefix(b" ") for line in _LINE_END.split(event) if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
