"""The table of ``llmlb models list``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from llmlb_core.cli.progress import size_text
from llmlb_core.cli.running import Running

_COLUMNS = ("MODEL", "ALSO CALLED", "DOES", "FORMAT", "SIZE", "CONTEXT", "ENGINE", "STATE", "WHERE")
_STATES = {"ready": "loaded", "starting": "loading", "draining": "unloading", "stopping": "unloading", "failed": "failed"}


def with_running(rows: Iterable[dict[str, Any]], running: Running) -> list[dict[str, Any]]:
    """Return *rows* with what is in memory: ``is_loaded``, ``memory_bytes``, and the state where the server knows more."""
    return [_with_instance(row, running.instances.get(row["id"])) for row in rows]


def _with_instance(row: dict[str, Any], instance: Mapping[str, Any] | None) -> dict[str, Any]:
    state = _STATES.get(str(instance["state"])) if instance is not None else None
    is_loaded = state in {"loaded", "unloading"}
    memory = instance.get("memory_bytes") if instance is not None and is_loaded else None
    return {**row, "state": state or row["state"], "is_loaded": is_loaded, "memory_bytes": memory}


def table_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of the table; a model with a reason has a second line that gives it."""
    cells = [(_COLUMNS, "")] + [(_cells(row), str(row["reason"] or "")) for row in rows]
    widths = [max(len(cell[column]) for cell, _ in cells) for column in range(len(_COLUMNS))]
    for cell, reason in cells:
        yield "  ".join(f"{text:<{width}}" for text, width in zip(cell, widths, strict=True)).rstrip()
        if reason:
            yield f"    {reason}"


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    texts: tuple[str | None, ...] = (
        row["id"],
        ", ".join(row["aliases"]),
        ", ".join(row["capabilities"]).replace("_", " "),
        " ".join(part for part in (row["format"], row["quantization"]) if part),
        size_text(row["size_bytes"]) if row["size_bytes"] else None,
        str(row["context_tokens"]) if row["context_tokens"] else None,
        row["engine"],
        f"{row['state']}, {size_text(row['memory_bytes'])}" if row["memory_bytes"] else row["state"],
        _shown(row["directory"]),
    )
    return tuple(text or "-" for text in texts)


def _shown(directory: str | None) -> str | None:
    """A directory as people write it."""
    if directory is None:
        return None
    path, home = Path(directory), Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else directory
