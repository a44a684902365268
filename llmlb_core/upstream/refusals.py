"""What goes wrong at a server, as errors that clients may read: they name the endpoint, never its address."""

from __future__ import annotations

import socket
import ssl
import time
from email.utils import mktime_tz, parsedate_tz

import msgspec

from llmlb_core.errors import CallError, ContentRejected, EndpointBusy, EndpointFailed, EndpointRefused, InvalidRequest

_NOT_THE_CLIENTS = frozenset({401, 402, 403, 407, 408, 421, 425, 429})
"""4xx that are about this server, or the moment: a credential, a connection, too much at a time."""
_OTHER_NAME = "its certificate is for another host name; the endpoint's url must have the name in the certificate"
_CERTIFICATES = {10: "its certificate has expired", 62: _OTHER_NAME, 64: _OTHER_NAME}
"""By OpenSSL's X509_V_ERR codes: expired, host name mismatch, IP address mismatch."""
_REASONS: tuple[tuple[type[OSError], str], ...] = (
    (socket.gaierror, "its host name is not known"),
    (ConnectionRefusedError, "it refuses connections"),
    (ConnectionError, "it closed the connection at once"),
)

_LASTING = frozenset({402, 501})
"""Failures that are the same in a moment: an unpaid bill, a route that is not there."""
_WINDOW_STATUSES = frozenset({400, 413, 422})
_WINDOW_WORDS = (
    b"context_length_exceeded",  # OpenAI's code, which others use, too
    b"exceed_context_size",
    b"maximum context length",
    b"available context size",
    b"model's context length",
    b"longer than the maximum model length",
    b"exceeds the context length",
    b"exceeds the context window",
    b"context window is full",
    b"maximum allowed input length",
    b"prompt is too long:",
    b"`inputs` tokens + `max_new_tokens` must be",
    b"input token count",
    b"model loaded with context length",
)
"""How OpenAI-compatible servers say that a prompt is too long for a model; who says what stands with the tests."""
_FILTER_WORDS = (b"content_filter", b"content_policy", b"moderation", b"content management policy")


def is_passed_on(status: int) -> bool:
    """Whether the client is given this answer in the server's own words: success, or a refusal of its request."""
    return status == 200 or (400 <= status < 500 and status not in _NOT_THE_CLIENTS)


def speaks_of_window(status: int, body: bytes) -> bool:
    """Whether a refusal says that the prompt is too long for the model: one with a larger window may take it."""
    if status not in _WINDOW_STATUSES:
        return False
    body = body.lower()
    return any(word in body for word in _WINDOW_WORDS)


def speaks_of_filter(body: bytes) -> bool:
    """Whether a refusal says that a filter of contents made it."""
    body = body.lower()
    return any(word in body for word in _FILTER_WORDS)


def refusal(name: str, status: int, retry_after: str | None, body: bytes = b"") -> CallError:
    """Return what an answer with a *status* that is not passed on means for the call; *body* as far as it was read."""
    if status == 403 and speaks_of_filter(body):
        return ContentRejected(f"Endpoint '{name}' refused the request's content: {_told(body)}")
    wait_s = retry_after_s(retry_after)
    if status == 429:
        return EndpointBusy(f"Endpoint '{name}' takes no more calls at the moment.", retry_after_s=wait_s)
    if status in (401, 403, 407):
        return EndpointRefused(
            f"Endpoint '{name}' refused this server's own credential ({status}); its api_key is wrong or missing."
        )
    error = EndpointFailed(f"Endpoint '{name}' {_answered(status)}.", retry_after_s=wait_s)
    error.may_pass = not (300 <= status < 400 or status in _LASTING)
    return error


def _answered(status: int) -> str:
    if 300 <= status < 400:
        return f"answered with a redirect ({status}), which is not followed; correct its url"
    return f"answered {status}" if status >= 400 else f"answered {status} where 200 with a body was expected"


def refused(name: str, status: int, body: bytes) -> CallError:
    """Return what an answer that would be passed on means where the client has its head already."""
    return InvalidRequest(f"Endpoint '{name}' refused the request ({status}): {_told(body)}")


def retry_after_s(value: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` says, in either of its forms; None where it says nothing that is understood."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    date = parsedate_tz(value)
    try:
        return None if date is None else max(0.0, mktime_tz(date) - time.time())
    except (OverflowError, ValueError):
        return None


def unreachable(name: str, error: OSError) -> EndpointFailed:
    """Return why no connection came about."""
    failed = EndpointFailed(f"Endpoint '{name}' cannot be reached: {_reason(error)}.")
    failed.may_pass = not isinstance(error, ssl.SSLError)
    return failed


class _Told(msgspec.Struct):
    message: str = ""


class _Refused(msgspec.Struct):
    error: _Told | str = ""


def _told(body: bytes) -> str:
    """Return the server's own reason out of an error document; it was written for clients."""
    try:
        error = msgspec.json.decode(body, type=_Refused).error
    except msgspec.DecodeError:
        error = ""
    text = error if isinstance(error, str) else error.message
    return text[:500] or "it gave no reason."


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATES.get(
            error.verify_code, "its certificate is not trusted here; the endpoint's ca_file may name who signs it"
        )
    if isinstance(error, ssl.SSLError):
        return f"the TLS handshake failed ({error.reason or 'no reason given'}); does it speak HTTPS?"
    return next((told for kind, told in _REASONS if isinstance(error, kind)), type(error).__name__)
