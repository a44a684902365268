"""From a record to the values of a row."""

from __future__ import annotations

from functools import cache

from llmlb_core import Record
from llmlb_storage_history.attempts import failed_attempts, last_attempt
from llmlb_storage_history.text import storable

TABLE = "storage_history_requests"
COLUMNS = (
    "id",
    "started_at",
    "duration_ms",
    "first_token_ms",
    "queue_ms",
    "principal",
    "operation",
    "model",
    "endpoint",
    "stream",
    "status",
    "ending",
    "error_code",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "attempts",
    "bytes_in",
    "bytes_out",
    "client_address",
    "choice_reason",
    "failed_attempts",
    "last_attempt",
    "is_usage_counted",
    "is_usage_partial",
)
_MAX_NUMBER = 2**62


def values_of(record: Record, clock_offset_s: float) -> tuple[object, ...]:
    """Return the row of *record*.

    Args:
        record: A finished call.
        clock_offset_s: ``time.time()`` minus ``time.monotonic()``, for records have only the latter.
    """
    usage, first_token_s, queue_wait_s = record.usage, record.first_token_s, record.queue_wait_s
    served_by, attempts, error_code = record.served_by, record.attempts, record.error_code
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    is_counted: bool | None = None
    is_partial: bool | None = None
    if usage is not None:
        is_counted, is_partial = usage.is_counted, usage.is_partial
        prompt_tokens, completion_tokens, cached_tokens = usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens
        if prompt_tokens > _MAX_NUMBER or completion_tokens > _MAX_NUMBER or cached_tokens > _MAX_NUMBER:
            prompt_tokens, completion_tokens = min(prompt_tokens, _MAX_NUMBER), min(completion_tokens, _MAX_NUMBER)
            cached_tokens = min(cached_tokens, _MAX_NUMBER)
    # Tenths of milliseconds: `// 1` cuts as `int` does, at half the price.
    return (
        record.id,
        int((record.started_at + clock_offset_s) * 1000),
        record.duration_s * 10_000 // 1 / 10,
        None if first_token_s is None else first_token_s * 10_000 // 1 / 10,
        queue_wait_s * 10_000 // 1 / 10 if queue_wait_s else 0.0,
        storable(record.principal),
        record.operation,
        storable(record.model),
        storable(served_by),
        record.stream,
        record.status,
        record.ending,
        None if error_code is None else storable(error_code),
        prompt_tokens,
        completion_tokens,
        cached_tokens,
        record.attempt_count if attempts else 1 if served_by else 0,
        record.bytes_in,
        record.bytes_out,
        storable(record.client_address),
        storable(record.choice_reason),
        failed_attempts(attempts) if attempts else None,
        last_attempt(record) if attempts or record.served_model else None,
        is_counted,
        is_partial,
    )


@cache
def insert_of(row_count: int) -> str:
    """Return the statement that writes *row_count* rows; those that are there already stay, for a batch may be written twice."""
    one = f"({', '.join('?' * len(COLUMNS))})"
    rows = ", ".join([one] * row_count)
    return f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES {rows} ON CONFLICT (id) DO NOTHING"  # noqa: S608
