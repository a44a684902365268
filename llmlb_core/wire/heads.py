"""Request heads: read by httptools, checked, and known the next time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType

import httptools

from llmlb_core.contracts.dialect import Entry
from llmlb_core.wire.flaws import BadMessage

MAX_HEADERS = 256
MAX_NAMES = 512
MAX_HEADS = 512
MAX_KNOWN_BYTES = 2048
"""Longer heads are read anew each time: 512 of 2 KiB is what remembering may cost."""
MAX_LENGTH_DIGITS = 15

_LISTS = frozenset({"transfer-encoding", "connection", "expect", "upgrade"})
"""A list over several lines is still a list: nothing may hide in it."""
_LENGTHS = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")


class RequestHead:
    """What a head says. It holds secrets, is shared between requests and never changed.

    Attributes:
        path: Without the query; likewise ``query`` without its question mark.
        headers: Lower-case names, without ``content-length``; the last value wins, but for lists that decide how the rest is read.
        entry: Where the pipeline takes it in; None for whatever the web plane serves.
        is_chunked: Whether the body comes in chunks.
        keeps_alive: Whether the client wants the connection to carry another request afterwards.
    """

    __slots__ = (
        "entry", "expects_continue", "headers", "is_chunked", "keeps_alive", "method", "path", "query", "url", "version",
    )  # fmt: skip

    entry: Entry | None
    expects_continue: bool
    headers: Mapping[str, str]
    is_chunked: bool
    keeps_alive: bool
    method: str
    path: str
    query: str
    url: bytes
    version: str


class Heads:
    """Reads the heads of all connections of a server.

    Clients send the same head again and again, but for the length of the body; so it is looked up without that, and parsing costs
    only the first of them. The oldest is forgotten first.
    """

    def __init__(self, entries: Mapping[bytes, Entry]) -> None:
        """Know the paths of *entries*."""
        self._entries = entries
        self._known: OrderedDict[bytes, RequestHead] = OrderedDict()

    def read(self, head: bytes) -> tuple[RequestHead, int]:
        """Return what *head* says, which ends with its only empty line, and the length of the body.

        Raises:
            BadMessage: It is not HTTP, or leaves a doubt of where its body ends.
        """
        upper, lower = _LENGTHS
        begin = head.find(upper) + 18
        if begin == 17:
            begin = head.find(lower) + 18
        if begin == 17:
            return self._parse(head)
        rest = head[head.find(b"\r", begin) :]
        key = head[:begin] + rest
        known = self._known.get(key)
        if known is None:
            known, length = self._parse(head)
            if known.entry is not None and len(key) <= MAX_KNOWN_BYTES:
                self._known[key] = known
                if len(self._known) > MAX_HEADS:
                    self._known.popitem(last=False)
            return known, length
        digits = head[begin : len(head) - len(rest)]
        if not digits.isdigit() or len(digits) > MAX_LENGTH_DIGITS:
            return self._parse(head)  # which finds the same, and says it
        return known, int(digits)

    def _parse(self, head: bytes) -> tuple[RequestHead, int]:
        parsed, length = parse_head(head)
        if parsed.method == "POST" and "upgrade" not in parsed.headers:
            parsed.entry = self._entries.get(parsed.url.partition(b"?")[0])
        return parsed, length


def parse_head(head: bytes) -> tuple[RequestHead, int]:
    """Return what *head* says, which ends with its only empty line, and the length of the body: 0 where that comes in chunks.

    Raises:
        BadMessage: It is not HTTP, or leaves a doubt of where its body ends.
    """
    lines = head.count(b"\n") - 2
    if lines > MAX_HEADERS:
        raise BadMessage(431, f"The request has more than {MAX_HEADERS} headers.")
    start = head[: head.find(b"\r\n")].split(b" ")
    if len(start) != 3:
        raise BadMessage(400, "The request does not begin with a method, a target and a version, one space between them.")
    version = start[2]
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise BadMessage(505 if version[:5] == b"HTTP/" else 400, "The versions spoken here are HTTP/1.1 and HTTP/1.0.")
    headers = _headers(head, lines)
    if version == b"HTTP/1.1" and "host" not in headers:
        raise BadMessage(400, "The request has no Host.")
    parsed = RequestHead()
    parsed.entry = None
    parsed.method, parsed.url, parsed.version = start[0].decode(), start[1], version[5:].decode()
    parsed.path, _, parsed.query = parsed.url.decode("latin-1").partition("?")
    wishes = [wish.strip() for wish in headers.get("connection", "").lower().split(",")]
    parsed.keeps_alive = "close" not in wishes and (parsed.version == "1.1" or "keep-alive" in wishes)
    length = _read_framing(parsed, headers)
    parsed.headers = MappingProxyType(headers)
    return parsed, length


def _read_framing(parsed: RequestHead, headers: dict[str, str]) -> int:
    """Find out how long the body is; an empty header is no absent one."""
    length, coding, expectation = headers.pop("content-length", None), headers.get("transfer-encoding"), headers.get("expect")
    parsed.is_chunked = parsed.expects_continue = False
    if coding is not None:
        if length is not None:
            raise BadMessage(400, "The request has both Content-Length and Transfer-Encoding; send one.")
        if parsed.version == "1.0":
            raise BadMessage(400, "HTTP/1.0 has no Transfer-Encoding; send Content-Length.")
        if coding.lower() != "chunked":
            raise BadMessage(501, "The only Transfer-Encoding taken here is chunked.")
        parsed.is_chunked = True
    elif length is not None and not (length.isascii() and length.isdigit() and len(length) <= MAX_LENGTH_DIGITS):
        raise BadMessage(400, "The request's Content-Length is no number.")
    if expectation is not None and parsed.version == "1.1":
        if expectation.lower() != "100-continue":
            raise BadMessage(417, "The only expectation met here is 100-continue.")
        parsed.expects_continue = True
    return int(length) if length is not None else 0


class _Values:
    """Headers by name, as they came; the last value wins."""

    def __init__(self) -> None:
        self.by_name: dict[bytes, bytes] = {}
        self.on_header = self.by_name.__setitem__  # C calls C; a method of ours would double the cost of a header


class _Pairs:
    """Headers in order, also those whose names are the same."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header."""
        self.pairs.append((_lower(name), value.decode("latin-1").rstrip(" \t")))


def _headers(head: bytes, lines: int) -> dict[str, str]:
    """Return the headers of *head*, which has so many lines of them."""
    listener = _Values()
    _parse(listener, head)
    headers = {
        _lower(name): value.decode("latin-1").rstrip(" \t")  # httptools leaves the space behind a value
        for name, value in listener.by_name.items()
    }
    return headers if len(headers) == lines else _combined(head, lines)  # or a line end was taken for something else


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


def _parse(listener: object, head: bytes) -> None:
    """Let httptools tell *listener* the headers of *head*."""
    try:
        httptools.HttpRequestParser(listener).feed_data(head)
    except httptools.HttpParserUpgrade:
        return  # who upgrades is not served here
    except httptools.HttpParserError as error:
        raise BadMessage(400, f"The request is not valid HTTP: {error}.") from None


_lower_names: dict[bytes, str] = {}


def _lower(name: bytes) -> str:
    """Return *name* in lower case; the same object for every head that has it, so that remembered heads share them."""
    lower = _lower_names.get(name)
    if lower is None:
        lower = name.decode("latin-1").lower()
        if len(_lower_names) < MAX_NAMES:
            _lower_names[name] = lower
    return lower
