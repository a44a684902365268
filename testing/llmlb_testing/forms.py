"""Forms as clients send them, and as servers read them."""

from __future__ import annotations

import io
from collections.abc import Mapping

BOUNDARY = "b-17"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
HEADERS = {"content-type": CONTENT_TYPE}


def part(name: str, value: bytes | str, filename: str | None = None, *headers: str) -> bytes:
    """Return one part: a file where it has a *filename*, else a field."""
    data = value.encode() if isinstance(value, str) else value
    shown = "" if filename is None else f'; filename="{filename}"'
    lines = [f'Content-Disposition: form-data; name="{name}"{shown}', *headers]
    return f"--{BOUNDARY}\r\n".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Return a whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


Fields = list[tuple[str, str]]
Files = list[tuple[str, str, str, bytes]]


def read_form(body: bytes | bytearray, headers: Mapping[str, str]) -> tuple[Fields, Files]:
    """Return fields (name, value) and files (name, file name, content type, data), as a library reads them that llmlb does not use.

    Args:
        body: Of the request.
        headers: Lower-case names.
    """
    from werkzeug.formparser import parse_form_data

    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": headers["content-type"],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    _, fields, files = parse_form_data(environ, silent=False)
    found = []
    for name, file in files.items(multi=True):
        found.append((name, file.filename or "", file.content_type or "", file.read()))
        file.close()
    return list(fields.items(multi=True)), found
