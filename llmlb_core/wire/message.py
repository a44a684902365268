"""One request on the wire: its head by httptools, its body by length or chunks."""

from __future__ import annotations

import httptools

from llmlb_core.wire.chunks import BadChunks, Chunks

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
HEAD_END = b"\r\n\r\n"
MAX_HEADERS = 256
MAX_KNOWN_NAMES = 512
MAX_LENGTH_DIGITS = 15

_LISTS = frozenset({"transfer-encoding", "connection", "expect", "upgrade"})
"""A list over several lines is still a list: nothing may hide in it."""


class BadMessage(Exception):
    """What came is not a request that may be answered; ``status`` says why."""

    def __init__(self, status: int, reason: str) -> None:
        """Keep the facts."""
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Message:
    """Collects one request. The head is parsed whole, so that where its body begins is known exactly.

    Attributes:
        headers: Lower-case names; the last value wins, but for lists that decide how the message is read.
        length: Announced length of the body; None where it is chunked.
        missing: How much of an announced body has not come.
        keeps_alive: Whether the connection may carry another request afterwards.
        is_complete: Whether the whole body is there.
        problem: Why the body cannot be read.
        body_bytes: How much of the body has come, kept or not.
    """

    __slots__ = (
        "_buffer", "_chunks", "_first", "_is_dropped", "body_bytes", "expects_continue", "headers", "is_complete", "keeps_alive",
        "length", "method", "missing", "on_header", "problem", "url", "version",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin empty."""
        self.length: int | None = 0
        self.missing = 0
        self.body_bytes = 0
        self.keeps_alive = True
        self.expects_continue = self.is_complete = self._is_dropped = False
        self.problem: str | None = None
        self._first = b""
        self._buffer: bytearray | None = None
        self._chunks: Chunks | None = None

    def read_head(self, head: bytes) -> None:
        """Parse *head*, which ends with its only empty line.

        Raises:
            BadMessage: It is not HTTP, or leaves a doubt of where its body ends.
        """
        lines = head.count(b"\n") - 2
        if lines > MAX_HEADERS:
            raise BadMessage(431, f"The request has more than {MAX_HEADERS} headers.")
        start = head[: head.find(b"\r\n")].split(b" ")
        if len(start) != 3:
            raise BadMessage(400, "The request does not begin with a method, a target and a version, one space between them.")
        self.url, version = start[1], start[2]
        if version not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise BadMessage(505 if version[:5] == b"HTTP/" else 400, "The versions spoken here are HTTP/1.1 and HTTP/1.0.")
        self.version = version[5:].decode()
        raw: dict[bytes, bytes] = {}
        self.on_header = raw.__setitem__  # C calls C; a method of ours would double the cost of a header
        _parse(self, head)
        self.method = start[0].decode()
        known = _lower_names
        headers = {
            (known.get(name) or _lower(name)): value.decode("latin-1").rstrip(" \t")  # httptools leaves the space behind a value
            for name, value in raw.items()
        }
        if len(headers) != lines:  # also where a line end was taken for something else
            headers = _combined(head, lines)
        self.headers = headers
        if version == b"HTTP/1.1" and "host" not in headers:
            raise BadMessage(400, "The request has no Host.")
        connection = headers.get("connection")
        if connection is not None or version == b"HTTP/1.0":
            self._read_connection(connection or "")
        self._read_framing()

    def _read_connection(self, connection: str) -> None:
        wishes = [wish.strip() for wish in connection.lower().split(",")]
        self.keeps_alive = "close" not in wishes and (self.version == "1.1" or "keep-alive" in wishes)

    def _read_framing(self) -> None:
        """Find out how long the body is; an empty header is no absent one."""
        headers = self.headers
        length, coding, expectation = headers.get("content-length"), headers.get("transfer-encoding"), headers.get("expect")
        if coding is not None:
            if length is not None:
                raise BadMessage(400, "The request has both Content-Length and Transfer-Encoding; send one.")
            if self.version == "1.0":
                raise BadMessage(400, "HTTP/1.0 has no Transfer-Encoding; send Content-Length.")
            if coding.lower() != "chunked":
                raise BadMessage(501, "The only Transfer-Encoding taken here is chunked.")
            self.length, self._chunks, self._buffer = None, Chunks(), bytearray()
        elif length is not None:
            if not (length.isascii() and length.isdigit() and len(length) <= MAX_LENGTH_DIGITS):
                raise BadMessage(400, "The request's Content-Length is no number.")
            self.length = self.missing = int(length)
        self.is_complete = self.length == 0
        if expectation is not None and self.version == "1.1":
            if expectation.lower() != "100-continue":
                raise BadMessage(417, "The only expectation met here is 100-continue.")
            self.expects_continue = True

    def read_body(self, data: bytes) -> bytes:
        """Take what belongs to the body; return what follows it. A body that cannot be read is a ``problem``."""
        if self._chunks is not None:
            return self._read_chunks(self._chunks, data)
        rest, missing = b"", self.missing
        if len(data) > missing:
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
        """Return the body."""
        return self._first if self._buffer is None else bytes(self._buffer)

    def drop_body(self) -> None:
        """Keep nothing of a body that nobody wants, now or later."""
        self._is_dropped = True
        self._first = b""
        if self._buffer is not None:
            self._buffer.clear()


def flaw_of_beginning(data: bytes, limit: int) -> BadMessage | None:
    """Return why *data* cannot become a head of at most *limit* bytes; None where it can."""
    line_end = data.find(b"\n")
    if len(data) > limit:
        what, status = ("head", 431) if 0 <= line_end <= limit else ("target", 414)
        return BadMessage(status, f"The request's {what} is larger than {limit} bytes.")
    if line_end > 0 and data[line_end - 1] != 13:
        return BadMessage(400, "The request has a line that does not end with CRLF.")
    if data and not 65 <= data[0] <= 90:
        return BadMessage(400, "The request does not begin with a method; is this a client of another protocol, or TLS?")
    return None


def origin_form(target: bytes, host: str) -> bytes:
    """Return path and query of a *target* in absolute-form, which RFC 9112 3.2.2 has every server take.

    Raises:
        BadMessage: It names another host than the Host header.
    """
    scheme, _, rest = target.partition(b"://")
    authority = rest.partition(b"/")[0].partition(b"?")[0]
    if scheme.lower() not in (b"http", b"https") or authority.decode().lower() != host.lower():
        raise BadMessage(400, "The request's target is no path, and not of the host that Host names.")
    path = rest[len(authority) :]
    return path if path.startswith(b"/") else b"/" + path


_lower_names: dict[bytes, str] = {}


def _lower(name: bytes) -> str:
    """Return *name* in lower case, and know it next time: clients send the same few names for ever."""
    lower = name.decode("latin-1").lower()
    if len(_lower_names) < MAX_KNOWN_NAMES:
        _lower_names[name] = lower
    return lower


def _parse(listener: object, head: bytes) -> None:
    """Let httptools tell *listener* the headers of *head*."""
    try:
        httptools.HttpRequestParser(listener).feed_data(head)
    except httptools.HttpParserUpgrade:
        return  # who upgrades is not served here
    except httptools.HttpParserError as error:
        raise BadMessage(400, f"The request is not valid HTTP: {error}.") from None


class _Pairs:
    """Headers in order, also those whose names are the same."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header."""
        self.pairs.append((_lower(name), value.decode("latin-1").rstrip(" \t")))


def _combined(head: bytes, lines: int) -> dict[str, str]:
    """Return the headers of a head that has some name twice."""
    listener = _Pairs()
    _parse(listener, head)
    if len(listener.pairs) != lines:
        raise BadMessage(400, "The request's head has a line that is no header.")
    headers: dict[str, str] = {}
    for name, value in listener.pairs:
        if name in headers and name in {"content-length", "host"}:
            raise BadMessage(400, f"The request says {name} more than once.")
        headers[name] = f"{headers[name]}, {value}" if name in headers and name in _LISTS else value
    return headers
