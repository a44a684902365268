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
    if events.endswith(b"\n\n") and b"\r" not in events and b"\n\n\n" not in events:  # as nearly all are
        for event in events[:-2].split(b"\n\n"):
            yield event + b"\n\n", _data(event)
        return
    parts = _BETWEEN.split(events)
    for at in range(0, len(parts), 2):
        event = parts[at]
        end = parts[at + 1] if at + 1 < len(parts) else b""
        if event or end:
            yield event + end, _data(event)


def _data(event: bytes) -> bytes | None:
    if event.startswith(b"data: ") and b"\n" not in event and b"\r" not in event:  # as nearly all are
        return event[6:]
    head, found, data = event.partition(b"\ndata: ")
    if found and b"\n" not in data and head.startswith(b"event: ") and b"\n" not in head and b"\r" not in event:
        return data
    lines = [line[5:].removeprefix(b" ") for line in _LINE_END.split(event) if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
