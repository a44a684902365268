"""Log lines: one JSON object each, with ``ts, level, component, event`` and facts.

The standard library's logging carries them, so that lines of libraries come out in the same form. Never on the hot path.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

_ROOT = "llmlb"


class Logger:
    """Writes events of one component: ``log.info("model_loaded", model=…, seconds=…)``."""

    def __init__(self, component: str) -> None:
        """Name the component."""
        self._logger = logging.getLogger(f"{_ROOT}.{component}")

    def debug(self, event: str, **facts: object) -> None:
        """Write at level debug."""
        self._logger.debug(event, extra={"facts": facts})

    def info(self, event: str, **facts: object) -> None:
        """Write at level info."""
        self._logger.info(event, extra={"facts": facts})

    def warning(self, event: str, **facts: object) -> None:
        """Write at level warning."""
        self._logger.warning(event, extra={"facts": facts})

    def error(self, event: str, **facts: object) -> None:
        """Write at level error."""
        self._logger.error(event, extra={"facts": facts})

    def exception(self, event: str, **facts: object) -> None:
        """Write at level error, with the traceback of the exception being handled."""
        self._logger.error(event, exc_info=True, extra={"facts": facts})  # noqa: LOG014  # callers are in a handler


def get_logger(component: str) -> Logger:
    """Return the logger of *component*, such as ``pipeline``."""
    return Logger(component)


class JsonFormatter(logging.Formatter):
    """Formats a log record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what cannot be JSON is written as its ``str``."""
        component = record.name.removeprefix(f"{_ROOT}.")
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "component": component,
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send all log lines of this process to *stream* (stderr) from *level* on. Called once, by the command that runs."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # of libraries only what matters
    logging.getLogger(_ROOT).setLevel(level.upper())
