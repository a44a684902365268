"""Bodies of admin pages, and the database's absence, as errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import orjson
from quart import Response, request

from llmlb_core.errors import InvalidJson, InvalidRequest, NoEndpoint
from llmlb_core.storage.rows import database_faults
from llmlb_core.telemetry.log import get_logger

_log = get_logger("web")


async def json_body() -> dict[str, object]:
    """Return the JSON object that a request carries.

    Raises:
        InvalidJson: It is not JSON.
        InvalidRequest: It is no object.
    """
    data = await request.get_data()
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return body


def whole_number(name: str, default: int, low: int, high: int) -> int:
    """Return the query parameter *name*.

    Raises:
        InvalidRequest: It is no whole number between *low* and *high*.
    """
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18 or not low <= int(text) <= high:
        raise InvalidRequest(f"{name} must be a whole number from {low:,} to {high:,}.", param=name)
    return int(text)


@contextmanager
def database(what: str) -> Iterator[None]:
    """Answer 503 where the database does not answer; *what* cannot be changed meanwhile, and goes on as it is."""
    try:
        yield
    except database_faults() as error:
        _log.error("admin_database_failed", what=what, error=type(error).__name__)
        raise NoEndpoint(
            f"The database does not answer, so {what} cannot be changed now; calls go on as before. "
            "Try again, or see 'llmlb db check'.",
            code="database_unavailable",
            retry_after_s=5,
        ) from error


def answer(value: object, status: int = 200) -> Response:
    """Return *value* as JSON."""
    return Response(orjson.dumps(value), status=status, content_type="application/json")
