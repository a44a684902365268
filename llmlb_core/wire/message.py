"""One request on the wire: its head as ``heads`` read it, its body by length or chunks."""

from __future__ import annotations

from llmlb_core.wire.chunks import BadChunks, Chunks
from llmlb_core.wire.heads import RequestHead


class Message:
    """Collects the body of one request.

    Attributes:
        head: What its head says.
        length: Announced length of the body; None where it is chunked.
        missing: How much of an announced body has not come.
        keeps_alive: Whether the connection may carry another request afterwards.
        expects_continue: Whether the client waits to be told to send the body.
        is_complete: Whether the whole body is there.
        problem: Why the body cannot be read.
        body_bytes: How much of the body has come, kept or not.
    """

    __slots__ = (
        "_buffer", "_chunks", "_first", "_is_dropped", "body_bytes", "expects_continue", "head", "is_complete", "keeps_alive",
        "length", "missing", "problem",
    )  # fmt: skip

    def __init__(self, head: RequestHead, length: int) -> None:
        """Expect the body that *head* announces, of *length* bytes unless it is chunked."""
        self.head = head
        self.length: int | None = length
        self.missing = length
        self.body_bytes = 0
        self.keeps_alive = head.keeps_alive
        self.expects_continue = head.expects_continue
        self._is_dropped = False
        self.problem: str | None = None
        self._first = b""
        self._buffer: bytearray | None = None
        self._chunks: Chunks | None = None
        self.is_complete = not length
        if head.is_chunked:
            self.is_complete = False
            self.length, self._chunks, self._buffer = None, Chunks(), bytearray()

    def read_body(self, data: bytes) -> bytes:
        """Take what belongs to the body; return what follows it. A body that cannot be read is a ``problem``."""
        size = len(data)
        if size == self.missing and not self.body_bytes:  # all of it at once, as most bodies come
            self.missing, self.body_bytes, self.is_complete = 0, size, True
            self._first = b"" if self._is_dropped else data
            return b""
        if self._chunks is not None:
            return self._read_chunks(self._chunks, data)
        rest, missing = b"", self.missing
        if size > missing:
            rest, data = data[missing:], data[:missing]
        self.missing = missing = missing - len(data)
        self.is_complete = not missing
        if self._buffer is not None:
            self._buffer += data
        elif self.body_bytes:
            self._buffer = bytearray(self._first)
            self._buffer += data
            self._first = b""
        else:
            self._first = data
        self.body_bytes += len(data)
        if self._is_dropped:
            self.drop_body()
        return rest

    def _read_chunks(self, chunks: Chunks, data: bytes) -> bytes:
        if self.problem is not None:
            return b""
        buffer = self._buffer
        assert buffer is not None
        before = len(buffer)
        try:
            rest = chunks.feed(data, buffer)
        except BadChunks as problem:
            self.problem = f"The chunked body is not valid: {problem}."
            self.keeps_alive = False
            rest = b""
        self.is_complete = chunks.is_complete
        self.body_bytes += len(buffer) - before
        if self._is_dropped:
            buffer.clear()
        return rest

    def body(self) -> bytes:
        """Return what of the body has come and was not returned yet: whoever has it may let go of it."""
        if self._buffer is None:
            body, self._first = self._first, b""
        else:
            body = bytes(self._buffer)
            self._buffer.clear()
        return body

    @property
    def kept_bytes(self) -> int:
        """How much ``body`` would return."""
        return len(self._first) + (len(self._buffer) if self._buffer is not None else 0)

    def drop_body(self) -> None:
        """Keep nothing of a body that nobody wants, now or later."""
        self._is_dropped = True
        self._first = b""
        if self._buffer is not None:
            self._buffer.clear()
