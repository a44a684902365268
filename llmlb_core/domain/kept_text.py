"""The text of streams, kept while they run, for those that another server could go on with."""

from __future__ import annotations

KEPT_TEXT_BYTES = 64 * 1024
"""A longer answer is let go of: nothing goes on with it."""
ALL_TEXT_BYTES = 16 * 1024 * 1024
"""All kept texts together."""


class TextPool:
    """What all kept texts come to.

    Attributes:
        size: Bytes now.
        dropped_count: Texts that grew beyond the bounds, since the start.
    """

    __slots__ = ("dropped_count", "size")

    def __init__(self) -> None:
        """Hold nothing."""
        self.size = self.dropped_count = 0


class KeptText:
    """What one stream delivered, in the words of its ``Transcript``; nothing at all where it became too long.

    Close it whatever happens: it counts in its pool until then.
    """

    __slots__ = ("_data", "_is_open", "_pool")

    def __init__(self, pool: TextPool) -> None:
        """Count in *pool*."""
        self._pool = pool
        self._data = bytearray()
        self._is_open = True

    def keep(self, data: bytes | bytearray) -> None:
        """Append *data*, as far as there is room for it."""
        if not self._is_open:
            return
        size, pool = len(data), self._pool
        if len(self._data) + size > KEPT_TEXT_BYTES or pool.size + size > ALL_TEXT_BYTES:
            pool.dropped_count += 1
            self.close()
            return
        pool.size += size
        self._data += data

    def fork(self) -> KeptText:
        """Return another one that begins with the same, and is to be closed on its own."""
        other = KeptText(self._pool)
        if self._is_open:
            other.keep(self._data)
        else:
            other.close()
        return other

    @property
    def data(self) -> bytes | None:
        """All of it; None where it is not kept any more."""
        return bytes(self._data) if self._is_open else None

    def close(self) -> None:
        """Let go of it."""
        self._pool.size -= len(self._data)
        self._data.clear()
        self._is_open = False
