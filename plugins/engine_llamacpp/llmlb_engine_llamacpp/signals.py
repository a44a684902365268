"""Keeps the process's own signal handlers while a library installs others."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Larger than `struct sigaction` on any platform; it is only copied out and back.
_STRUCT_BYTES = 512


@contextmanager
def kept_signal_handlers() -> Iterator[None]:
    """Put SIGINT and SIGTERM back as they were.

    xllamacpp's server takes both for itself, so that neither Ctrl+C nor SIGTERM would end the process any more. ``signal.signal``
    works in the main thread only and does not know handlers that C installed; ``sigaction`` does both.
    """
    if sys.platform == "win32":
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    kept = {number: ctypes.create_string_buffer(_STRUCT_BYTES) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, action in kept.items():
        libc.sigaction(int(number), None, action)
    try:
        yield
    finally:
        for number, action in kept.items():
            libc.sigaction(int(number), action, None)
