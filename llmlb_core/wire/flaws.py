"""What is wrong with bytes that should be a request."""

from __future__ import annotations


class BadMessage(Exception):
    """What came is not a request that may be answered; ``status`` says why."""

    def __init__(self, status: int, reason: str) -> None:
        """Keep the facts."""
        super().__init__(reason)
        self.status = status
        self.reason = reason


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
