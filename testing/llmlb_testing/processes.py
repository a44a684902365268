"""The worker processes that this process has started."""

from __future__ import annotations

from pathlib import Path


def running_workers() -> list[int]:
    """Return the process ids of the workers that are children of this process and still run (Linux).

    Other children, such as servers that tests started, and their workers do not count.
    """
    own = Path("/proc/self/task")
    children = {int(pid) for listing in own.glob("*/children") for pid in listing.read_text().split()}
    return sorted(pid for pid in children if _is_worker(pid))


def _is_worker(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:  # it ended just now
        return False
    return b"llmlb_core.worker" in command  # that of a zombie is empty
