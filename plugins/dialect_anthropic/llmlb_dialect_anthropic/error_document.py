"""The error document: ``{"type": "error", "error": {"type", "message"}}``."""

from __future__ import annotations

from llmlb_core.errors import CallError
from llmlb_dialect_anthropic.text import dumps

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    501: "invalid_request_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_type(status: int) -> str:
    """Return Anthropic's word for errors of *status*."""
    return _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def error_document(error: CallError) -> bytes:
    """Return the body of an error answer. The id of the call is in its headers."""
    return dumps({"type": "error", "error": {"type": error_type(error.status), "message": error.message}})


def error_event(error: CallError) -> bytes:
    """Return the event that ends a stream in which something went wrong; official clients raise it."""
    return b"event: error\ndata: " + error_document(error) + b"\n\n"
