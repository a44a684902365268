"""Where server-sent events end, however their bytes come."""

from __future__ import annotations

from llmlb_core.domain.sse import BLANK_LINES

MAX_EVENT_BYTES = 4 * 1024 * 1024


class EventTooLarge(Exception):
    """An event is longer than it may be."""


class PartialEvent:
    """The beginning of an event whose end has not come yet."""

    __slots__ = ("_begun", "_max_bytes")

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        """Begin with nothing; *max_bytes* is what an event may have."""
        self._begun = bytearray()
        self._max_bytes = max_bytes

    def __bool__(self) -> bool:
        """Whether something waits for its end."""
        return bool(self._begun)

    def add(self, data: bytes) -> bytes:
        """Take *data*; return all events that are whole now, as they came, and keep the rest.

        Linear in what comes, however small the pieces are: only the seam is looked at again.

        Raises:
            EventTooLarge: The rest is.
        """
        begun = self._begun
        seam = bytes(begun[-3:])
        end = _last_end(seam + data) - len(seam)
        if end <= 0:
            begun += data
            whole = b""
        else:
            begun += data[:end]
            whole = bytes(begun)
            self._begun = begun = bytearray(data[end:])
        if len(begun) > self._max_bytes:
            raise EventTooLarge
        return whole

    def take(self) -> bytes:
        """Return what waits; for the end of the answer."""
        rest = bytes(self._begun)
        self._begun.clear()
        return rest


def _last_end(data: bytes) -> int:
    """Return the index behind the last blank line, 0 where there is none. Lines end with LF, CRLF or CR."""
    return max(at + len(blank) if (at := data.rfind(blank)) >= 0 else 0 for blank in BLANK_LINES)
