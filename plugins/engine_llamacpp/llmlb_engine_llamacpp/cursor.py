"""Reads little-endian values out of a file through a small window, with every length checked against the file's size."""

from __future__ import annotations

from pathlib import Path
from struct import Struct
from typing import BinaryIO, Self

from llmlb_core.errors import ModelFilesInvalid

WINDOW_BYTES = 1 << 20

_U32 = Struct("<I")
_U64 = Struct("<Q")


class Cursor:
    """A position in a file. A context manager; holds at most one window of ``WINDOW_BYTES``."""

    def __init__(self, path: Path) -> None:
        """Take *path*; it is opened on entry."""
        self._path = path
        self._file: BinaryIO | None = None
        self._window = b""
        self._base = 0
        self._at = 0
        self.size = 0

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            ModelFilesInvalid: It cannot be opened.
        """
        try:
            self._file = self._path.open("rb", buffering=0)
            self.size = self._path.stat().st_size
        except OSError as error:
            raise ModelFilesInvalid(f"{self._path.name} cannot be read: {error.strerror or error}.") from error
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    @property
    def offset(self) -> int:
        """The position in the file."""
        return self._base + self._at

    def damaged(self, what: str) -> ModelFilesInvalid:
        """Make the error for *what* was seen here."""
        return ModelFilesInvalid(f"{self._path.name} is damaged at byte {self.offset}: {what}. Fetch it again.")

    def seek(self, offset: int) -> None:
        """Go to *offset*, which lies in the file."""
        if self._base <= offset <= self._base + len(self._window):
            self._at = offset - self._base
        else:
            self._window, self._base, self._at = b"", offset, 0

    def skip(self, count: int) -> None:
        """Go *count* bytes on, at most to the end of the file."""
        self._need(count)
        self.seek(self.offset + count)

    def take(self, count: int) -> bytes:
        """Return the next *count* bytes, at most a window of them."""
        if len(self._window) - self._at < count:
            self._fill(count)
        start = self._at
        self._at = start + count
        return self._window[start : self._at]

    def u32(self) -> int:
        """Read an unsigned 32-bit integer."""
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        """Read an unsigned 64-bit integer."""
        return int(_U64.unpack(self.take(8))[0])

    def scalar(self, form: Struct) -> int | float | bool:
        """Read one value of *form*."""
        value: int | float | bool = form.unpack(self.take(form.size))[0]
        return value

    def count(self, limit: int, what: str) -> int:
        """Read a count of *what* and refuse one above *limit*."""
        seen = self.u64()
        if seen > limit:
            raise self.damaged(f"it claims {seen} {what}, expected at most {limit}")
        return seen

    def text(self, limit: int, what: str) -> str:
        """Read a string; bytes that are not UTF-8 become U+FFFD."""
        length = self._length(limit, what)
        if length <= WINDOW_BYTES:
            return self.take(length).decode(errors="replace")
        parts = []
        while length:
            parts.append(self.take(min(length, WINDOW_BYTES)))
            length -= len(parts[-1])
        return b"".join(parts).decode(errors="replace")

    def skip_text(self, limit: int, what: str) -> None:
        """Go past a string."""
        self.skip(self._length(limit, what))

    def skip_texts(self, count: int) -> None:
        """Go past *count* strings. A vocabulary has 10^5 of them, so the loop keeps to local names."""
        unpack = _U64.unpack_from
        window, at, end = self._window, self._at, len(self._window) - 8
        for _ in range(count):
            if at > end:
                self._at = at
                self._fill(8)
                window, at, end = self._window, 0, len(self._window) - 8
            at += 8 + unpack(window, at)[0]
            if at > end + 8:
                # The string reaches beyond the window: go there by way of the file.
                self._at = end + 8
                self.skip(at - end - 8)
                window, at, end = self._window, self._at, len(self._window) - 8
        self._at = at

    def _length(self, limit: int, what: str) -> int:
        length = self.u64()
        if length > limit:
            raise self.damaged(f"{what} has {length} bytes, expected at most {limit}")
        return length

    def _need(self, count: int) -> None:
        """Check that *count* more bytes are there."""
        if count > self.size - self.offset:
            raise ModelFilesInvalid(
                f"{self._path.name} is cut or damaged: {self.size} bytes, its header goes on to byte {self.offset + count}. "
                "Fetch it again."
            )

    def _fill(self, count: int) -> None:
        """Move the window so that it starts here and holds at least *count* bytes."""
        self._need(count)
        assert self._file is not None
        offset = self.offset
        try:
            self._file.seek(offset)
            window = self._file.read(max(count, WINDOW_BYTES))
        except OSError as error:
            raise ModelFilesInvalid(f"{self._path.name} cannot be read: {error.strerror or error}.") from error
        if len(window) < count:
            raise ModelFilesInvalid(f"{self._path.name} became shorter while it was read. Fetch it again.")
        self._window, self._base, self._at = window, offset, 0
