"""Generated parts of pages: what stands between two comments is replaced, the rest of the page is left as it is."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError


def markers(name: str) -> tuple[str, str]:
    """Return the lines between which the part called *name* stands."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def write_between(page: Path, name: str, text: str) -> None:
    """Put *text* between the markers of *name* on *page*.

    Raises:
        BenchError: The page is not there or has no such markers; nothing was written.
    """
    begin, end = markers(name)
    if not page.exists():
        raise BenchError(f"{page} is not there; it needs the lines {begin} and {end} for the figures to stand between")
    before, has_begin, rest = page.read_text().partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        raise BenchError(f"{page.name} has no lines {begin} and {end} for the figures to stand between")
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")
