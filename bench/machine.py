"""What machine a result was made on."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path


def describe_machine() -> dict[str, str | int]:
    """Return processor, cores, memory, kernel and Python, without a name of the machine."""
    cpu = platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9),
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "system": platform.system(),
    }
