"""What servers answer where a model is gone, busy or still loading: for the call that means another endpoint may serve it."""

from __future__ import annotations

import msgspec

from llmlb_core.errors import CallError, EndpointBusy, EndpointFailed

_GONE = ("not found", "does not exist", "not exist")
_BUSY = ("server busy", "maximum pending requests", "overloaded", "too many requests")
_LOADING = ("loading model", "model is loading", "still loading")


class _Document(msgspec.Struct):
    error: object = None
    message: object = None
    code: object = None


def read_refusal(status: int, body: bytes) -> CallError | None:
    """Return what an error answer of *status* means; None where the status says all.

    The answer's own words are looked at and never shown: they may hold addresses and paths of that server.
    """
    if status not in (404, 500, 503):
        return None
    message, code = _said(body)
    if status == 404 and (code == "model_not_found" or ("model" in message and any(word in message for word in _GONE))):
        return EndpointFailed("The server no longer has the model.", code="model_not_found")
    if any(word in message for word in _LOADING):
        return EndpointFailed("The server is still loading the model.", code="model_loading", retry_after_s=5.0)
    if status == 503 and any(word in message for word in _BUSY):
        return EndpointBusy("The server takes no more calls at the moment.")
    return None


def _said(body: bytes) -> tuple[str, object]:
    """Return the message, in lower case, and the code of an error document."""
    try:
        document = msgspec.json.decode(body, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", None
    inner = document.error
    if isinstance(inner, dict):
        message, code = inner.get("message"), inner.get("code")
    else:
        message, code = inner or document.message, document.code
    return (message.lower() if isinstance(message, str) else ""), code
