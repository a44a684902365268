"""Which core serves and which one loads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from bench.errors import BenchError


def choose_cores() -> tuple[int, int]:
    """Return the core of the server and the core of everything else.

    Raises:
        BenchError: Fewer than two cores may be used: load and server would measure one another.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError(f"two cores are needed, one for the server and one for the load; this process may use {len(cores)}")
    return cores[-1], cores[0]


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """Start processes on *core*: they inherit the affinity that this thread has for a moment."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
