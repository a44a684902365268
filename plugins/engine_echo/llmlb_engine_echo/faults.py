"""What goes wrong on purpose."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time

from llmlb_engine_echo.options import EchoOptions

FOREVER_S = 3600


class FaultInjected(RuntimeError):
    """The error of ``raise_mid_answer``; not one that llmlb knows, as an engine's own would be."""


class Faults:
    """Decides which answers are faulty, and does it."""

    def __init__(self, options: EchoOptions) -> None:
        """Follow *options*."""
        self._options = options
        self._answer_count = 0
        self._lock = threading.Lock()

    def is_next_faulty(self) -> bool:
        """Count one more answer; say whether it is one of those."""
        with self._lock:
            self._answer_count += 1
            return self._options.fault != "none" and self._answer_count % self._options.fault_every == 0

    def strike(self) -> None:
        """Do what the fault says, in the middle of an answer. Returns where an answer goes on."""
        match self._options.fault:
            case "crash_mid_answer":
                crash("the echo engine crashes in the middle of an answer, as it was told")
            case "raise_mid_answer":
                raise FaultInjected("the echo engine raises, as it was told")
            case "hang":
                time.sleep(FOREVER_S)
            case "busy_gil":
                keep_busy(FOREVER_S)
            case _:
                pass


def keep_busy(seconds: float) -> None:
    """Hold the interpreter's lock, as native code does that never gives it back: no Python code of this process runs meanwhile."""
    library = ctypes.PyDLL(None)
    library.sleep(int(seconds))
    library.usleep(int(seconds % 1 * 1e6))


def crash(words: str) -> None:
    """End the process as native code does that goes wrong."""
    print(words, file=sys.stderr, flush=True)  # noqa: T201  # a crash's last words are what the supervisor must keep
    os.abort()
