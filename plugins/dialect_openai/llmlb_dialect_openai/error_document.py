"""The error document: ``{"error": {"message", "type", "param", "code"}}``, all four always there."""

from __future__ import annotations

import math

from llmlb_core.errors import CallError
from llmlb_dialect_openai.text import dumps

ErrorObject = dict[str, str | int | float | None]


def error_object(error: CallError) -> ErrorObject:
    """Return the members of ``error``; ``extras`` never hide one of the four."""
    members: ErrorObject = {"message": error.message, "type": error.type, "param": error.param, "code": str(error.code)}
    if error.retry_after_s is not None:
        members["retry_after"] = math.ceil(error.retry_after_s)
    return {**error.extras, **members}


def error_document(error: CallError) -> bytes:
    """Return the body of an error answer."""
    return dumps({"error": error_object(error)})
