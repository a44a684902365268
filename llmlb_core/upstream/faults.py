"""What goes wrong within a stream, as errors that clients may read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmlb_core.contracts.streams import DIFFERS, UNFINISHED, Fault
from llmlb_core.errors import AnswerDiffers, CallError, EndpointFailed
from llmlb_core.upstream.limits import READ_ERROR_BYTES
from llmlb_core.upstream.refusals import refusal

ReadError = Callable[[int, Mapping[str, str], bytes], CallError | None]
_MAX_WORDS = 300


class _Error(msgspec.Struct):
    message: str | None = None
    code: Any = None
    status: Any = None


class _Event(msgspec.Struct):
    error: _Error | str | None = None


def error_of(name: str, fault: Fault, read_error: ReadError | None) -> CallError:
    """Return what *fault* means for the call; *name* is the endpoint's, *read_error* knows the words of its kind."""
    if fault.code == DIFFERS:
        return AnswerDiffers(f"Endpoint '{name}' gave another answer to the same call.")
    if fault.code == UNFINISHED:
        return AnswerDiffers(f"Endpoint '{name}' could not go on with the answer: {fault.problem}.", code=UNFINISHED)
    if fault.error is None:
        return EndpointFailed(f"Endpoint '{name}' failed: {fault.problem}.", code=fault.code)
    words, status = _read(fault.error)
    headers = {"content-type": "application/json"}
    told = read_error(status, headers, fault.error[:READ_ERROR_BYTES]) if read_error is not None else None
    if told is not None:
        return told
    error = refusal(name, status, None, fault.error[:READ_ERROR_BYTES])
    if words:
        error.args = (f"{error.message.rstrip('.')} within its stream: {words}",)
    return error


def _read(data: bytes) -> tuple[str, int]:
    """Return the words of an error event, and the status that it would have been as an answer of its own."""
    try:
        error = msgspec.json.decode(data, type=_Event).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "", 500
    if not isinstance(error, _Error):
        return (error or "")[:_MAX_WORDS], 500
    for told in (error.code, error.status):
        if isinstance(told, int | str) and str(told).isdecimal() and 400 <= int(told) <= 599:
            return (error.message or "")[:_MAX_WORDS], int(told)
    return (error.message or "")[:_MAX_WORDS], 500
