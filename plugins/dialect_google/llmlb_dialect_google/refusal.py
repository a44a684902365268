"""Error documents: ``{"error": {"code", "message", "status", "details"}}``, in a list where a stream was asked for."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from llmlb_core import Refusal

_BAD_KEYS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED"})
_CUT_MESSAGE = re.compile(rb'"message"\s*:\s*("(?:[^"\\]|\\.)*")')
_CUT_STATUS = re.compile(rb'"status"\s*:\s*"([A-Z_]+)"')
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s\Z", re.ASCII)


class _Violation(msgspec.Struct):
    field: str = ""


class _Detail(msgspec.Struct, rename="camel"):
    """One of ``google.rpc``'s details; the members of those that matter."""

    reason: str = ""
    retry_delay: str = ""
    field_violations: list[_Violation] = []


class _Error(msgspec.Struct):
    code: int | None = None
    message: str = ""
    status: str = ""
    details: Any = None


class _Document(msgspec.Struct):
    error: _Error | str


_decode = msgspec.json.Decoder(list[_Document] | _Document).decode


def read_refusal(status: int, body: bytes) -> Refusal | None:
    """Return what *body* says; of one that was cut what is left. None where it is no document of this API."""
    try:
        document = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_cut(body)
    if isinstance(document, list):
        if not document:
            return None
        document = document[0]
    error = document.error
    if isinstance(error, str):
        return Refusal(error)
    details = _details(error.details)
    reason = next((each.reason for each in details if each.reason), "")
    fields = [violation.field for each in details for violation in each.field_violations if violation.field]
    code = error.code if error.code is not None and 400 <= error.code <= 599 else status
    return Refusal(
        error.message,
        type=error.status,
        code=reason,
        param=fields[0] if fields else None,
        status=_meaning(code, error.status, reason, error.message),
        retry_after_s=next(filter(None, (_seconds(each.retry_delay) for each in details)), None),
    )


def _meaning(status: int, word: str, reason: str, message: str) -> int | None:
    """Return the HTTP status for what was said: a bad key and an account's limits come as 400 here."""
    if status != 400:
        return status if 400 <= status <= 599 else None
    if reason in _BAD_KEYS:
        return 401
    if word == "FAILED_PRECONDITION":
        return 402 if "billing" in message.lower() else 403
    return status


def _details(told: Any) -> list[_Detail]:
    details = []
    for each in told if isinstance(told, list) else ():
        try:
            details.append(msgspec.convert(each, _Detail))
        except msgspec.MsgspecError:  # a detail of another kind that uses a name otherwise
            continue
    return details


def _seconds(delay: str) -> float | None:
    found = _DELAY.match(delay)
    return float(found[1]) if found else None


def _read_cut(body: bytes) -> Refusal | None:
    message = _CUT_MESSAGE.search(body) if body.lstrip()[:1] in {b"{", b"["} and b'"error"' in body[:64] else None
    if message is None:
        return None
    try:
        text = msgspec.json.decode(message[1], type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    word = _CUT_STATUS.search(body)
    return Refusal(text, type=word[1].decode() if word else "", code="API_KEY_INVALID" if b'"API_KEY_INVALID"' in body else "")
