"""Calls that really came: JSON lines, one for each row of the history of calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median_low
from typing import Any, BinaryIO

import msgspec
from attrs import frozen

from llmlb_core.errors import TraceInvalid
from llmlb_core.simulate.planned import Planned
from llmlb_core.simulate.prefix_cache import Segment

MAX_LINE_BYTES = 1024 * 1024
MAX_TOKENS = 100_000_000
MAX_PROBLEMS = 10
"""So many wrong lines are told of; the rest is counted."""


class Row(msgspec.Struct):
    """One line. Names are those of ``GET /v0/requests``; other members are ignored.

    Attributes:
        started_at: Milliseconds since 1970, or a time such as ``2030-01-31T12:00:00.000+00:00`` (UTC without a zone).
        model: What was called.
        principal: Who called; the unit of fairness.
        endpoint: Who served it; estimates need it.
        status: Of the answer.
        duration_ms: From the call's head to the answer's end.
        first_token_ms: From the call's head to its first token.
        queue_ms: How long it had waited for a slot.
        prompt_tokens: Absent where the answer did not say.
        completion_tokens: Likewise.
        cached_tokens: How many prompt tokens an endpoint remembered; taken for a beginning that the principal's calls share.
        prefix: A name for a shared beginning of the prompt; the history does not know it, other sources may.
        prefix_tokens: Its length.
        session: The conversation that the call belongs to.
    """

    started_at: int | float | str
    model: str
    principal: str = ""
    endpoint: str = ""
    status: int = 200
    duration_ms: float = 0.0
    first_token_ms: float | None = None
    queue_ms: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    prefix: str | None = None
    prefix_tokens: int = 0
    session: str = ""

    @property
    def at_s(self) -> float:
        """When it came, in seconds since 1970."""
        if isinstance(self.started_at, str):
            moment = datetime.fromisoformat(self.started_at)
            return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
        return self.started_at / 1000


@frozen
class History:
    """Calls of a history, oldest first.

    Attributes:
        rows: As they were.
        calls: The same, as a run takes them.
        guessed_count: Calls whose tokens nobody counted; they have the median of the others.
    """

    rows: tuple[Row, ...]
    calls: tuple[Planned, ...]
    guessed_count: int


def read_history(file: Path, limit: int | None = None) -> History:
    """Read *file*, newest or oldest line first.

    Args:
        file: JSON lines.
        limit: At most so many lines are read.

    Raises:
        TraceInvalid: It cannot be read, or lines are wrong: their numbers, what was seen and what was expected.
    """
    rows: list[Row] = []
    problems: list[str] = []
    try:
        with file.open("rb") as lines:
            for number, line in _numbered(lines):
                try:
                    rows.append(_row(line))
                except ValueError as error:
                    problems.append(f"{file}:{number}: {error}")
                    if len(problems) >= MAX_PROBLEMS:
                        problems.append(f"{file}: the lines after {number} were not read.")
                        break
                if limit is not None and len(rows) >= limit:
                    break
    except OSError as error:
        raise TraceInvalid(f"{file}: cannot be read: {error.strerror}.") from error
    if problems:
        raise TraceInvalid("\n".join(problems))
    if not rows:
        raise TraceInvalid(f"{file}: has no lines; expected one JSON object a line, as 'GET /v0/requests' lists them.")
    rows.sort(key=lambda row: row.at_s)
    return History(tuple(rows), *_planned(rows))


def _numbered(lines: BinaryIO) -> Iterable[tuple[int, bytes]]:
    """Yield number and text of each line that has any, none of them without a bound."""
    number = 0
    while line := lines.readline(MAX_LINE_BYTES):
        number += 1
        if line.strip():
            yield number, line


_decoder = msgspec.json.Decoder()


def _row(line: bytes) -> Row:
    """Return a line as a row.

    Raises:
        ValueError: Says what was seen and what was expected.
    """
    if len(line) >= MAX_LINE_BYTES:
        raise ValueError(f"expected a line of less than {MAX_LINE_BYTES:,} bytes, got a longer one")
    try:
        seen = _decoder.decode(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"expected a JSON object, got {_shown(line)} ({error})") from error
    if not isinstance(seen, dict):
        raise ValueError(f"expected a JSON object, got {_shown(line)}")  # noqa: TRY004  # one kind of error for one kind of fault
    for name in ("started_at", "model"):
        if name not in seen:
            raise ValueError(f"expected the member {name!r}, got {', '.join(map(repr, list(seen)[:8])) or 'an empty object'}")
    try:
        row = msgspec.convert(seen, Row)
    except msgspec.ValidationError as error:
        raise ValueError(f"{error}; got {_offending(seen, str(error))}") from error
    _check(row, seen)
    return row


def _check(row: Row, seen: Mapping[str, Any]) -> None:
    """Check what types do not say."""
    try:
        at_s = row.at_s
    except ValueError:
        at_s = -1.0
    if not 0 <= at_s < 1e11:
        expected = "expected milliseconds since 1970, or a time such as 2030-01-31T12:00:00.000+00:00"
        raise ValueError(f"started_at: {expected}, got {seen['started_at']!r}")
    for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "prefix_tokens"):
        value = getattr(row, name)
        if value is not None and not 0 <= value <= MAX_TOKENS:
            raise ValueError(f"{name}: expected a number from 0 to {MAX_TOKENS:,}, got {value}")
    for name in ("duration_ms", "first_token_ms", "queue_ms"):
        value = getattr(row, name)
        if value is not None and not value >= 0:
            raise ValueError(f"{name}: expected at least 0, got {value}")


def _offending(seen: Mapping[str, Any], told: str) -> str:
    """Return the value that msgspec refused; it names it as ``$.name``."""
    name = told.partition("`$.")[2].partition("`")[0]
    return repr(seen.get(name))[:60]


def _shown(line: bytes) -> str:
    text = line.strip().decode(errors="replace")
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _planned(rows: list[Row]) -> tuple[tuple[Planned, ...], int]:
    """Return *rows*, which are in order, as calls, and how many have guessed lengths."""
    counted = [row for row in rows if row.prompt_tokens and row.completion_tokens]
    usual_prompt = median_low([row.prompt_tokens or 0 for row in counted]) if counted else 256
    usual_output = median_low([row.completion_tokens or 0 for row in counted]) if counted else 128
    begin_s = rows[0].at_s
    calls = tuple(
        Planned(
            at_s=row.at_s - begin_s,
            model=row.model,
            principal=row.principal,
            segments=_segments(row, number, row.prompt_tokens or usual_prompt),
            output_tokens=row.completion_tokens or usual_output,
            session=row.session,
        )
        for number, row in enumerate(rows)
    )
    return calls, len(rows) - len(counted)


def _segments(row: Row, number: int, prompt_tokens: int) -> tuple[Segment, ...]:
    """Return the prompt: what it shares, then its own.

    A history does not say which prompts begin alike. What came from a cache is taken for the caller's own beginning: equal for all
    calls of one principal to one model, as long as the cached part was.
    """
    shared = min(row.prefix_tokens if row.prefix is not None else row.cached_tokens or 0, prompt_tokens - 1)
    if shared <= 0:
        return ((("call", number), prompt_tokens),)
    key = ("prefix", row.prefix) if row.prefix is not None else ("principal", row.principal, row.model)
    return (key, shared), (("call", number), prompt_tokens - shared)
