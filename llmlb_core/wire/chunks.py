"""A chunked body, decoded to the byte where it ends: httptools does not tell where, and a guess is how requests are smuggled."""

from __future__ import annotations

import re

MAX_LINE_BYTES = 4096
MAX_EXTRA_BYTES = 16 * 1024
"""Extensions and trailers of one body together; both are ignored."""
FREE_CHUNKS = 4096
MIN_CHUNK_BYTES = 16
"""A body of more than ``FREE_CHUNKS`` chunks has so many bytes in each on average: framing costs more than content otherwise."""

_TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]*"
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(;" + _TEXT + rb")?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:" + _TEXT + rb"\r\n")


class BadChunks(Exception):
    """What came is not a chunked body."""


class Chunks:
    """Takes a chunked body apart. Stricter than RFC 9112 asks: no space around a size, CRLF and nothing else ends a line.

    Attributes:
        is_complete: Whether the last chunk and the trailers were read.
    """

    __slots__ = ("_chunk_count", "_extra_bytes", "_in_trailers", "_missing", "_size", "_tail", "is_complete")

    def __init__(self) -> None:
        """Begin before the first chunk."""
        self.is_complete = False
        self._missing = 0  # of the current chunk, with the CRLF that ends it
        self._tail = b""
        self._in_trailers = False
        self._extra_bytes = self._chunk_count = self._size = 0

    def feed(self, data: bytes, body: bytearray) -> bytes:
        """Append the content that is in *data* to *body*; return what follows the end.

        Raises:
            BadChunks: It is not a chunked body, or one that is mostly framing.
        """
        if self._tail:
            data, self._tail = self._tail + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._missing:
                at = self._content(data, at, body)
            elif self._in_trailers:
                if data.startswith(b"\r\n", at):
                    self.is_complete = True
                    return data[at + 2 :]
                at = self._line(_TRAILER, data, at)
            else:
                at = self._line(_SIZE, data, at)
            if at < 0:
                return b""
        return b""

    def _content(self, data: bytes, at: int, body: bytearray) -> int:
        """Take what there is of the current chunk; return where it ends in *data*, or -1."""
        rest = len(data) - at
        missing = self._missing
        if missing > 2:
            piece = data[at : at + missing - 2]
            body += piece
            self._missing = missing = missing - len(piece)
            at += len(piece)
            rest -= len(piece)
        if missing > 2 or not rest:
            return -1
        if not data.startswith(b"\r\n", at):
            if rest > 1 or data[at] != 13:
                raise BadChunks("a chunk is not as long as it says")
            self._tail = data[at:]
            return -1
        self._missing = 0
        return at + 2

    def _line(self, pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
        """Read the size of a chunk or a trailer; return where it ends in *data*, or -1 where it goes on."""
        found = pattern.match(data, at)
        if found is None:
            if data.find(b"\n", at) >= 0 or len(data) - at > MAX_LINE_BYTES:
                raise BadChunks("a trailer is not valid" if self._in_trailers else "the size of a chunk is not valid")
            self._tail = data[at:]
            return -1
        end = found.end()
        if self._in_trailers:
            self._extra_bytes += end - at
        else:
            size = int(found[1], 16)
            self._extra_bytes += end - found.end(1) - 2
            self._missing = size + 2 if size else 0
            self._in_trailers = not size
            self._size += size
            self._chunk_count += 1
            if self._chunk_count > FREE_CHUNKS and self._size < self._chunk_count * MIN_CHUNK_BYTES:
                raise BadChunks(f"more than {FREE_CHUNKS} chunks hold less than {MIN_CHUNK_BYTES} bytes each")
        if self._extra_bytes > MAX_EXTRA_BYTES:
            raise BadChunks(f"extensions and trailers take more than {MAX_EXTRA_BYTES} bytes")
        return end
