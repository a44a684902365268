"""Bounds of the worker channel and processes, and what this machine has."""

from __future__ import annotations

import os
from pathlib import Path

PROTOCOL = 2
"""Raised when frames change; both sides must agree."""

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""A request body of 20 MiB or 2,048 vectors of 4,096 dimensions fit; more is a defect on the other side."""

WINDOW_BYTES = 256 * 1024
"""How much of one call the child sends ahead of its reader."""

CANCEL_S = 1.0
"""How long an engine may go on after a cancel before its worker is killed."""

TERMINATE_S = 5.0
"""Time between SIGTERM and SIGKILL."""

STOP_S = 5.0
"""Time between the stop frame and SIGTERM when a model is unloaded."""

PING_S = 3.0
"""How often a worker is asked for a sign of life, at most."""

TAIL_BYTES = 8 * 1024
TAIL_LINES = 50
"""How much of a worker's output is kept."""


def machine_memory_bytes() -> int:
    """Return the memory that this machine, or the container around this process, has."""
    total = _sysconf_memory()
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = int(Path(name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        total = min(total, limit)
    return total


def _sysconf_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        # Windows has no sysconf; a limit in settings is the way to a true number there.
        return 8 * 1024**3


def resident_bytes(pid: int) -> int | None:
    """Return the resident set of process *pid*, or None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def physical_cores() -> int:
    """Return how many physical cores this process may use, at least 1."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return max(1, usable)
    cores: set[tuple[str, str]] = set()
    package = ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "physical id":
            package = value.strip()
        elif key.strip() == "core id":
            cores.add((package, value.strip()))
    return max(1, min(usable, len(cores) or usable))


def default_threads() -> int:
    """Return how many threads one worker uses unless settings say otherwise: one core stays free for the server."""
    return max(1, physical_cores() - 1)
