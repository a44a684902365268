"""Watches code that must not wait: no file, no socket, no process, no sleep."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import SupportsIndex

_WAITING = frozenset(
    {
        *("open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.system", "os.exec", "os.posix_spawn"),
        *("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"),
        *("subprocess.Popen", "sqlite3.connect", "time.sleep"),
    }
)


class _Watch(threading.local):
    """What this thread did while it was watched; None while it is not."""

    seen: list[str] | None = None


_watch = _Watch()
_installed = threading.Lock()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    seen = _watch.seen
    if seen is not None and event in _WAITING:
        seen.append(f"{event}({', '.join(map(repr, arguments[:1]))})")


@contextmanager
def _seen_sleep() -> Iterator[None]:
    """Report ``time.sleep``, which raises no audit event before Python 3.13."""
    if sys.version_info >= (3, 13):
        yield
        return
    sleep = time.sleep

    def sleep_seen(seconds: float | SupportsIndex) -> None:
        _hook("time.sleep", (seconds,))
        sleep(seconds)

    time.sleep = sleep_seen
    try:
        yield
    finally:
        time.sleep = sleep


@contextmanager
def no_io(what: str) -> Iterator[None]:
    """Fail where the code inside opens, connects, starts or sleeps, on this thread.

    Call *what* once before: an import on first use reads files, and may.

    Raises:
        AssertionError: It did; says what.
    """
    # An audit hook stays for the life of the process, so there is one.
    if _installed.acquire(blocking=False):
        sys.addaudithook(_hook)
    seen: list[str] = []
    _watch.seen = seen
    try:
        with _seen_sleep():
            yield
    finally:
        _watch.seen = None
    assert not seen, f"{what} is called on the event loop and must not wait, but did {seen[0]}"
