"""A lock between processes: a file that the operating system unlocks when its holder ends, however it ends."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from llmlb_core.errors import DownloadFailed

_POLL_S = 0.2


@asynccontextmanager
async def hold(path: Path, *, wait_s: float, purpose: str, on_wait: Callable[[str], None] | None = None) -> AsyncIterator[None]:
    """Hold the lock *path* within the ``async with`` block; its file says the holder's process id and stays behind.

    A holder that died holds nothing: the lock belongs to the open file, so there are no stale locks.

    Args:
        path: The lock's file; its directory is made.
        wait_s: How long another holder is waited for.
        purpose: What the holder does, for messages, such as ``downloads llama-3``.
        on_wait: Called once, with who is waited for.

    Raises:
        DownloadFailed: It is still held after *wait_s*.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + wait_s
        is_told = False
        while not _try_lock(descriptor):
            holder = _holder(path)
            if time.monotonic() >= deadline:
                raise DownloadFailed(
                    f"{holder} {purpose}, and that did not end within {wait_s:g} s; wait for it or end it, then try again"
                )
            if on_wait is not None and not is_told:
                on_wait(f"{holder} {purpose}; waiting for it")
                is_told = True
            await asyncio.sleep(_POLL_S)
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        try:
            yield
        finally:
            _unlock(descriptor)
    finally:
        os.close(descriptor)


def _holder(path: Path) -> str:
    with suppress(OSError):  # Windows denies reading what another process has locked
        text = path.read_text(encoding="ascii", errors="replace").strip()
        if text.isdigit():
            return f"process {text}"
    return "another process"


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
