"""What a provider's error answers mean for a call (4b6e9f2a-F4): its own words, our types and statuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmlb_core.contracts.server_dialect import ServerDialect
from llmlb_core.errors import (
    CallError,
    CloudBusy,
    CloudFailed,
    CloudForbidden,
    CloudKeyRefused,
    CloudUnpaid,
    ContentRejected,
    EndpointTimeout,
)
from llmlb_core.upstream.refusals import is_passed_on, speaks_of_filter

_OF_KEY: dict[int, type[CallError]] = {
    401: CloudKeyRefused,
    402: CloudUnpaid,
    403: CloudForbidden,
    407: CloudKeyRefused,
    429: CloudBusy,
}
_SERVER = 500
_TIMEOUTS = frozenset({408, 504, 524})
_NOT_IN_A_MOMENT = frozenset({501, 505})


def read_error_of(name: str, dialect: ServerDialect) -> Callable[[int, Mapping[str, str], bytes], CallError | None]:
    """Return what reads the error answers of provider *name*; None = the client is given them as they are, or translated."""

    def read(status: int, headers: Mapping[str, str], body: bytes) -> CallError | None:
        told = dialect.read_refusal(status, headers, body)
        if told is not None and told.status and not (status >= _SERVER and told.status == _SERVER):
            status = told.status  # what was told in a stream has no other; some tell of keys by another one than HTTP's
        if is_passed_on(status):
            return None
        words = f": {told.message.rstrip('.')}" if told is not None and told.message else ""
        extras: dict[str, str | int | float] = {"provider": name}
        if told is not None and (told.type or told.code):
            extras["provider_code"] = told.code or told.type
        if status == 403 and speaks_of_filter(body):
            return ContentRejected(f"The provider '{name}' refused the request's content{words}.", extras=extras)
        error = _OF_KEY.get(status)
        wait_s = told.retry_after_s if told is not None else None
        if error is not None:
            why = f"The provider '{name}' answered {status}{words}.{_HINTS.get(status, '')}"
            return error(why, extras=extras, retry_after_s=wait_s)
        if status in _TIMEOUTS:
            return EndpointTimeout(f"The provider '{name}' did not answer in time ({status}){words}.", extras=extras)
        failed = CloudFailed(f"The provider '{name}' failed ({status}){words}.", extras=extras, retry_after_s=wait_s)
        failed.may_pass = status not in _NOT_IN_A_MOMENT and status >= 500
        return failed

    return read


_HINTS = {
    401: " Its key here is wrong or was withdrawn; 'llmlb clouds set-key' sets another one.",
    407: " Its key here is wrong or was withdrawn; 'llmlb clouds set-key' sets another one.",
    402: " Its account must be paid for.",
}
