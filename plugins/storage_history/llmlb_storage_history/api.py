"""``/v0/requests``: what was called, by whom, how it ended; for principals with the scope ``admin``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from attrs import frozen
from quart import Blueprint, Response, request

from llmlb_core import Plugin, get_logger
from llmlb_core.errors import InvalidRequest, NoEndpoint, RouteNotFound
from llmlb_core.storage.rows import database_faults
from llmlb_storage_history.attempts import shown_attempts
from llmlb_storage_history.query import MAX_COUNTED, Cursor, Filter, History
from llmlb_storage_history.text import storable

PER_PAGE = (10, 25, 50, 100)
DEADLINE_S = 10.0
_KNOWN = ("model", "principal", "status", "since", "until", "page", "per_page", "before")
_log = get_logger("storage_history")


def blueprint(plugin: Plugin) -> Blueprint:
    """Return the pages of the history that *plugin*'s lifespan keeps."""
    pages = Blueprint("storage_history", __name__)

    @pages.get("")
    async def every() -> Response:
        asked = Asked.read(request.args.to_dict())
        history = _open(plugin)
        async with _database():
            page = await history.page(asked.filter, asked.per_page, skip=asked.skip, after=asked.after)
            total = None if asked.after is not None else await history.count(asked.filter)
        found: dict[str, object] = {"requests": [shown(row) for row in page.rows], "per_page": asked.per_page}
        if total is not None:
            found["page"] = asked.page
            found["total"] = min(total, MAX_COUNTED)
            found["is_total_exact"] = total <= MAX_COUNTED
        last = page.rows[-1] if page.has_more else None
        found["next"] = None if last is None else f"{last['started_at']}:{last['id']}"
        return _json(found)

    @pages.get("/<request_id>")
    async def one(request_id: str) -> Response:
        history = _open(plugin)
        async with _database():
            row = await history.find(storable(request_id))
            said = None if row is None else await history.find_bodies(storable(request_id))
        if row is None:
            raise RouteNotFound(
                "The history has no request of this id; it is written a second or two after the answer's end, and kept for "
                "[plugins.storage_history] days.",
                code="request_not_found",
            )
        return _json({**shown(row), **shown_bodies(said)})

    return pages


@frozen
class Asked:
    """What the query string asks for."""

    filter: Filter
    page: int
    per_page: int
    after: Cursor | None

    @property
    def skip(self) -> int:
        """Rows before the page."""
        return 0 if self.after is not None else (self.page - 1) * self.per_page

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Asked:
        """Check and structure *query*.

        Raises:
            InvalidRequest: With ``param``.
        """
        unknown = next((name for name in query if name not in _KNOWN), None)
        if unknown is not None:
            raise InvalidRequest(f"{unknown[:40]!r} is not known here; expected some of {', '.join(_KNOWN)}.", param=unknown[:40])
        asked = cls(
            Filter(
                model=_text(query, "model"),
                principal=_text(query, "principal"),
                status=_number(query, "status", 0, 999),
                since_ms=_moment(query, "since"),
                until_ms=_moment(query, "until"),
            ),
            page=_number(query, "page", 1, 10**9) or 1,
            per_page=snapped(_number(query, "per_page", 1, 10**9) or PER_PAGE[0]),
            after=_cursor(query),
        )
        if asked.after is not None and "page" in query:
            raise InvalidRequest("page and before exclude one another; give one.", param="before")
        if asked.skip >= MAX_COUNTED:
            raise InvalidRequest(
                f"Pages end after {MAX_COUNTED} rows; take 'next' of the last page as 'before', or narrow with since and until.",
                param="page",
            )
        return asked


def snapped(per_page: int) -> int:
    """Return the smallest page size that holds *per_page*, or the largest there is."""
    return next((size for size in PER_PAGE if size >= per_page), PER_PAGE[-1])


def shown(row: Mapping[str, Any]) -> dict[str, object]:
    """Return what is shown of a row."""
    started_at = datetime.fromtimestamp(row["started_at"] / 1000, UTC).isoformat(timespec="milliseconds")
    told = {name: value for name, value in row.items() if name not in ("failed_attempts", "last_attempt")}
    for name in ("stream", "is_usage_counted", "is_usage_partial"):
        told[name] = None if row[name] is None else bool(row[name])
    return {**told, "started_at": started_at, "attempt_count": row["attempts"], "attempts": shown_attempts(row)}


def shown_bodies(row: Mapping[str, Any] | None) -> dict[str, object]:
    """Return what is shown of what a call said: both documents, which are JSON already, or null where none is kept."""
    if row is None:
        return {"request_body": None, "answer_body": None, "bodies": None}
    about = {"policy": row["policy"], **{name: bool(row[name]) for name in ("is_request_cut", "is_answer_cut")}}
    return {
        "request_body": orjson.Fragment(row["request_body"]),
        "answer_body": orjson.Fragment(row["answer_body"]),
        "bodies": about,
    }


def _text(query: Mapping[str, str], name: str) -> str | None:
    return storable(query[name]) if name in query else None


def _number(query: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    if name not in query:
        return None
    text = query[name]
    # `isdecimal` and a length first: int() takes signs, spaces and underscores, and minutes for a million digits.
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and least <= int(text) <= most):
        raise InvalidRequest(f"{name} is {text[:20]!r}, expected a whole number from {least} to {most}.", param=name)
    return int(text)


def _moment(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    example = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        # A plus that was not written as %2B arrives as a space.
        moment = datetime.fromisoformat(re.sub(r" (?=\d\d:?\d\d$)", "+", query[name]))
        if moment.tzinfo is None:
            raise InvalidRequest(f"{name} has no time zone; expected a time such as {example}.", param=name)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{name} is not a time; expected one such as {example}.", param=name) from None


def _cursor(query: Mapping[str, str]) -> Cursor | None:
    if "before" not in query:
        return None
    started_at, _, request_id = query["before"].partition(":")
    if not (started_at.isascii() and started_at.isdecimal() and len(started_at) <= 16 and request_id):
        raise InvalidRequest("before must be the 'next' of an earlier page.", param="before")
    return Cursor(int(started_at), storable(request_id))


def _open(plugin: Plugin) -> History:
    history = plugin.shared.get("history")
    if not isinstance(history, History):
        raise NoEndpoint("The history is not open; 'llmlb plugins show storage_history' says why.", code="history_unavailable")
    return history


@asynccontextmanager
async def _database() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield
    except database_faults() as error:
        _log.error("history_not_read", error=type(error).__name__)
        raise NoEndpoint(
            "The history's database does not answer; calls are served meanwhile. Try again, or see 'llmlb db check'.",
            code="database_unavailable",
            retry_after_s=5,
        ) from error


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), content_type="application/json")
