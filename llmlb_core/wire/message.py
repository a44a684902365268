"""One request on the wire: its head by httptools, its body by length or chunks."""

from __future__ import annotations

import httptools

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_END = b"\r\n\r\n"


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
        headers: Lower-case names; the last value wins.
        length: Announced length of the body; None where it is chunked.
        is_complete: Whether the whole body is there.
    """

    __slots__ = (
        "_missing", "_overrun", "_parser", "_pieces", "body_bytes", "expects_continue", "headers", "is_complete", "keeps_alive",
        "length", "method", "url", "version",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin empty."""
        self.headers: dict[str, str] = {}
        self.url = b""
        self.method = ""
        self.version = "1.1"
        self.length: int | None = 0
        self.keeps_alive = True
        self.expects_continue = False
        self.is_complete = False
        self.body_bytes = 0
        self._missing = 0
        self._pieces: list[bytes] = []
        self._overrun = False
        self._parser = httptools.HttpRequestParser(self)

    def read_head(self, head: bytes) -> None:
        """Parse *head*, which ends with an empty line.

        Raises:
            BadMessage: It is not HTTP, or says two things of its length.
        """
        parser = self._parser
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            raise BadMessage(400, f"The request is not valid HTTP ({type(error).__name__}).") from None
        headers = self.headers
        self.method = parser.get_method().decode("ascii")
        self.version = parser.get_http_version()
        self.keeps_alive = parser.should_keep_alive()
        length = headers.get("content-length")
        if "transfer-encoding" in headers:
            if length is not None:
                raise BadMessage(400, "The request has both Content-Length and Transfer-Encoding; send one.")
            if headers["transfer-encoding"].lower() != "chunked":
                raise BadMessage(501, "The only Transfer-Encoding taken here is chunked.")
            self.length = None
        elif length is not None:
            if not (length.isascii() and length.isdigit() and len(length) < 16):
                raise BadMessage(400, "The request's Content-Length is no number.")
            self.length = self._missing = int(length)
        self.is_complete = self.length == 0
        expectation = headers.get("expect")
        if expectation is not None:
            if expectation.lower() != "100-continue":
                raise BadMessage(417, "The only expectation met here is 100-continue.")
            self.expects_continue = True

    def read_body(self, data: bytes) -> bytes:
        """Take what belongs to the body; return what follows it.

        Raises:
            BadMessage: The chunks are not valid.
        """
        if self.length is None:
            return self._read_chunks(data)
        size = len(data)
        if size <= self._missing:
            self._missing -= size
            self.body_bytes += size
            self._pieces.append(data)
            self.is_complete = not self._missing
            return b""
        piece, rest = data[: self._missing], data[self._missing :]
        self.body_bytes += len(piece)
        self._pieces.append(piece)
        self._missing = 0
        self.is_complete = True
        return rest

    def body(self) -> bytes:
        """Return the body."""
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def drop_body(self) -> None:
        """Keep nothing of a body that nobody wants."""
        self._pieces.clear()

    def _read_chunks(self, data: bytes) -> bytes:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            if not self.is_complete:  # after a complete body it is the next request that is broken
                raise BadMessage(400, f"The chunked body is not valid ({type(error).__name__}).") from None
        if self._overrun:
            # httptools does not tell where a chunked body ends; the client sends what followed it again on a new connection.
            self.keeps_alive = False
        return b""

    def on_message_begin(self) -> None:
        """httptools: a message begins; a second one is what followed a chunked body."""
        self._overrun = self.is_complete

    def on_url(self, url: bytes) -> None:
        """httptools: the target."""
        if not self._overrun:
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header, or a trailer, which is ignored."""
        if not self.method:
            lower, text = name.decode("latin-1").lower(), value.decode("latin-1")
            if lower == "transfer-encoding" and lower in self.headers:
                text = f"{self.headers[lower]}, {text}"  # a list over two lines is still a list: nothing may hide in it
            self.headers[lower] = text

    def on_body(self, piece: bytes) -> None:
        """httptools: a piece of a chunked body."""
        if not self.is_complete:
            self.body_bytes += len(piece)
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """httptools: the end of a chunked body, or of a head without one."""
        if self.method and self.length is None:
            self.is_complete = True
