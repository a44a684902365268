"""Which content types are forms, and what their parts are divided by."""

from __future__ import annotations

import re

from llmlb_core.errors import InvalidRequest, UnsupportedContentType

FORM = "multipart/form-data"
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
"""RFC 2046, 5.1.1."""


def boundary_of(path: str, content_type: str) -> bytes:
    """Return the boundary that *content_type*, the header of a request for *path*, says.

    Raises:
        UnsupportedContentType: It is not of a form.
        InvalidRequest: It says none, or one that cannot be.
    """
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() != FORM:
        seen = f"but the content-type is '{kind.strip()[:80]}'" if kind.strip() else "but the request has no content-type"
        raise UnsupportedContentType(
            f"{path} takes {FORM}, {seen}. Send the file and the fields as a form: curl -F file=@speech.mp3 -F model=…"
        )
    options: dict[bytes, bytes] = {}
    if rest.isascii():
        from python_multipart.multipart import parse_options_header  # 8 ms that only a server that gets uploads pays

        _, options = parse_options_header(f"{FORM};{rest}")
    boundary = next((value for name, value in options.items() if name.strip().lower() == b"boundary"), b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise InvalidRequest(
            f"The content-type {FORM} has no boundary that can be used: expected '{FORM}; boundary=…' with 1 to 70 characters. "
            "Let the HTTP library set this header.",
            code="invalid_multipart",
        )
    return boundary
