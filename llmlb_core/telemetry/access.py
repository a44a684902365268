"""The access log: one line a call, written in batches so that a call costs half a microsecond."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import TextIO

import orjson

from llmlb_core.domain.records import Record

FLUSH_S = 0.25
MAX_PENDING = 10_000
"""Lines that may wait for the next flush; further ones are dropped and counted."""


class AccessLog:
    """Collects lines and writes them a few times a second.

    Attributes:
        dropped_count: Lines lost because too many waited.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to *stream* (stderr)."""
        self._stream = stream or sys.stderr
        self._pending: list[dict[str, object]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.dropped_count = 0

    def write(self, record: Record) -> None:
        """Take one call's line."""
        if len(self._pending) >= MAX_PENDING:
            self.dropped_count += 1
            return
        usage = record.usage
        self._pending.append(
            {
                "ts": datetime.now(UTC),
                "level": "info",
                "component": "access",
                "event": "call",
                "id": record.id,
                "principal": record.principal,
                "path": record.path,
                "model": record.model,
                "endpoint": record.served_by,
                "stream": record.stream,
                "status": record.status,
                "ending": record.ending,
                "error": record.error_code,
                "duration_ms": round(record.duration_s * 1000, 1),
                "queue_ms": round(record.queue_wait_s * 1000, 1),
                "first_token_ms": None if record.first_token_s is None else round(record.first_token_s * 1000, 1),
                "prompt_tokens": usage.prompt_tokens if usage else None,
                "completion_tokens": usage.completion_tokens if usage else None,
                "attempts": len(record.attempts) + (1 if record.served_by else 0),
            }
        )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Write what waits; a stream that cannot be written loses the lines, not the server."""
        self._timer = None
        pending, self._pending = self._pending, []
        if not pending:
            return
        try:
            self._stream.write("".join(orjson.dumps(line, option=orjson.OPT_UTC_Z).decode() + "\n" for line in pending))
            self._stream.flush()
        except (OSError, ValueError):
            self.dropped_count += len(pending)
