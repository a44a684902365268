"""A file that is being downloaded: ``<name>.part``, and the hash of what it holds so far."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from llmlb_core.models.installed import sync_directory

_CHUNK_BYTES = 1024 * 1024


class Part:
    """A part file, opened for appending. Its methods block and are called in threads; ``close`` may come from any.

    Attributes:
        size_bytes: How much it holds.
    """

    def __init__(self, path: Path) -> None:
        """Open *path*, made where it is absent, and hash what an earlier download left in it."""
        self.path = path
        self.size_bytes = 0
        self._digest = hashlib.sha256()
        self._lock = threading.Lock()
        self._file = path.open("r+b" if path.exists() else "x+b")
        while chunk := self._file.read(_CHUNK_BYTES):
            self._digest.update(chunk)
            self.size_bytes += len(chunk)

    def write(self, data: bytes) -> None:
        """Append *data*. Does nothing after ``close``: a cancelled download leaves this thread behind."""
        with self._lock:
            if not self._file.closed:
                self._file.write(data)
                self._digest.update(data)
                self.size_bytes += len(data)

    def restart(self) -> None:
        """Throw away what it holds."""
        with self._lock:
            self._file.seek(0)
            self._file.truncate()
            self._digest = hashlib.sha256()
            self.size_bytes = 0

    def sha256(self) -> str:
        """The hash of what it holds."""
        return self._digest.hexdigest()

    def finish(self, target: Path) -> None:
        """Make it last and rename it to *target*."""
        with self._lock:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        self.path.replace(target)
        sync_directory(target.parent)

    def close(self) -> None:
        """Close it; what it holds stays for the next attempt."""
        with self._lock:
            self._file.close()
