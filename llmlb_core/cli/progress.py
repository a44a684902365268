"""Progress of a download on stderr: a bar that redraws itself on a terminal, a line every tenth elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from attrs import define, field

_REDRAW_S = 0.1
_LINE_BYTES = 50_000_000  # where the total is not known, a line for so many more
_BAR_WIDTH = 30


def size_text(count: int) -> str:
    """Return a number of bytes for people: ``98.4 MB``."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.95 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


@define
class Progress:
    """Call it with bytes done and bytes in all (or None). ``say`` writes a line between, ``close`` ends the bar."""

    label: str
    stream: TextIO = field(factory=lambda: sys.stderr)
    _drawn_at: float = 0.0
    _step: int = -1
    _is_open: bool = False

    def __call__(self, done_bytes: int, total_bytes: int | None) -> None:
        """Show how far it is."""
        if not self.stream.isatty():
            step = done_bytes * 10 // total_bytes if total_bytes else done_bytes // _LINE_BYTES
            if step != self._step:
                self._step = step
                print(f"{self.label}: {_count_text(done_bytes, total_bytes)}", file=self.stream, flush=True)
            return
        is_done = total_bytes is not None and done_bytes >= total_bytes
        now = time.monotonic()
        if now - self._drawn_at < _REDRAW_S and not is_done:
            return
        self._drawn_at = now
        filled = _BAR_WIDTH * min(done_bytes, total_bytes) // total_bytes if total_bytes else 0
        bar = f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] " if total_bytes else ""
        self.stream.write(f"\r\x1b[K{self.label} {bar}{_count_text(done_bytes, total_bytes)}")
        self.stream.flush()
        self._is_open = True

    def say(self, text: str) -> None:
        """Write a line."""
        self.close()
        print(text, file=self.stream, flush=True)

    def close(self) -> None:
        """End the bar's line, so that what follows begins on its own; what comes next counts anew."""
        if self._is_open:
            self.stream.write("\n")
            self.stream.flush()
        self._is_open = False
        self._step = -1


def _count_text(done_bytes: int, total_bytes: int | None) -> str:
    if not total_bytes:
        return size_text(done_bytes)
    return f"{size_text(done_bytes)} of {size_text(total_bytes)} ({100 * done_bytes // total_bytes} %)"
