"""The devices of this machine that need no plugin to be found: its processors and their memory."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from pathlib import Path

from llmlb_core.domain.devices import Device

_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def machine_devices() -> tuple[Device, ...]:
    """Return the devices that models can run on here; the CPU is always one of them.

    Its memory is the machine's, or what the container allows where that is less. Takes a millisecond, on macOS ten.
    """
    memory_bytes = _physical_bytes()
    limit = _container_limit_bytes()
    if limit is not None:
        memory_bytes = min(memory_bytes, limit) if memory_bytes else limit
    return (Device(id="cpu", kind="cpu", name=_cpu_name(), memory_bytes=memory_bytes),)


def _physical_bytes() -> int:
    if sys.platform == "win32":
        return _windows_bytes()
    with contextlib.suppress(ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if sys.platform == "darwin":
        import subprocess

        with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
            answer = subprocess.run(["/usr/sbin/sysctl", "-n", "hw.memsize"], capture_output=True, timeout=5, check=True)
            return int(answer.stdout)
    return 0


def _container_limit_bytes() -> int | None:
    for path in _CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" is no number: no limit
            return int(Path(path).read_text(encoding="ascii"))
    return None


def _cpu_name() -> str:
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _windows_bytes() -> int:
    import ctypes

    class MemoryStatus(ctypes.Structure):
        """``MEMORYSTATUSEX`` of the Windows API."""

        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total_physical", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 6),
        )

    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    loader = getattr(ctypes, "windll", None)  # only there on Windows
    if loader is None or not loader.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return 0
    return int(status.total_physical)
