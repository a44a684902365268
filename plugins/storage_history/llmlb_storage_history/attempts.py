"""The attempts of a call: as JSON in its row, which most rows do without, and as they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llmlb_core import Attempt, Record
from llmlb_storage_history.text import storable

_ABSENT = {"model": "", "outcome": "failed", "reason": "", "rule": "", "status": 0}
"""What rows of before the fourth migration do not tell of failed attempts."""


def failed_attempts(attempts: Sequence[Attempt]) -> str:
    """Return attempts that failed as JSON."""
    return orjson.dumps([_told(each) for each in attempts]).decode()


def last_attempt(record: Record) -> str | None:
    """Return as JSON what served *record*; None where that is told already, or nothing served it."""
    attempts = record.all_attempts()
    return orjson.dumps(_told(attempts[-1])).decode() if len(attempts) > len(record.attempts) else None


def shown_attempts(row: Mapping[str, Any]) -> list[dict[str, object]]:
    """Return every attempt of *row*'s call in order, that which served it too."""
    failed = orjson.loads(row["failed_attempts"]) if row["failed_attempts"] else []
    # Before the fourth migration the reason had another name.
    shown = [{**_ABSENT, "reason": each.pop("error_code", ""), **each} for each in failed]
    if row["last_attempt"]:
        shown.append(orjson.loads(row["last_attempt"]))
    elif row["attempts"] > len(failed):
        shown.append(_of_row(row))
    return shown


def _told(attempt: Attempt) -> dict[str, object]:
    return {
        "endpoint": storable(attempt.endpoint),
        "model": storable(attempt.model),
        "outcome": attempt.outcome,
        "reason": storable(attempt.reason),
        "rule": storable(attempt.rule),
        "status": attempt.status,
        "choice_reason": storable(attempt.choice_reason),
        "duration_ms": int(attempt.duration_s * 10_000) / 10,
    }


def _of_row(row: Mapping[str, Any]) -> dict[str, object]:
    """Return the only attempt of a call, of which its row tells everything."""
    record = Record(
        "",
        0.0,
        model=row["model"],
        served_by=row["endpoint"],
        choice_reason=row["choice_reason"] or "",
        status=row["status"],
        error_code=row["error_code"],
        ending=row["ending"],
        queue_wait_s=row["queue_ms"] / 1000,
        duration_s=row["duration_ms"] / 1000,
    )
    return _told(record.all_attempts()[-1])
