"""The answer to what is not a request: no dialect is known yet, so it is one that most clients understand."""

from __future__ import annotations

from http import HTTPStatus

import orjson

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_CODES = {
    408: "request_timeout",
    414: "target_too_long",
    417: "expectation_failed",
    431: "head_too_large",
    501: "not_implemented",
    505: "version_not_supported",
}


def refusal(status: int, reason: str, date_line: str) -> bytes:
    """Return the whole answer; the connection ends after it."""
    error = {"message": reason, "type": "invalid_request_error", "param": None, "code": _CODES.get(status, "bad_request")}
    body = orjson.dumps({"error": error})
    head = (
        f"{STATUS_LINES[status]}content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{date_line}"
    )
    return head.encode() + body
