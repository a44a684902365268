"""Where large uploads lie while their calls run: files that nobody else may read, in a folder of the data directory."""

from __future__ import annotations

import os
import secrets
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from llmlb_core.errors import NoRoomForUpload
from llmlb_core.telemetry.log import get_logger

PREFIX = "upload-"
LEFT_OVER_S = 24 * 3600.0
"""No call is as old: such a file was left by a process that died, whoever has its number now."""

_log = get_logger("uploads")


class SpoolFile:
    """One file while it is written. ``write`` and ``finish`` block: they belong in a thread, one at a time.

    Attributes:
        size_bytes: Written, or about to be.
    """

    def __init__(self, path: Path) -> None:
        """Be *path*, which is made by the first ``write``."""
        self.path = path
        self.size_bytes = 0
        self._descriptor: int | None = None

    def write(self, data: bytes | bytearray) -> None:
        """Append *data*."""
        if self._descriptor is None:
            binary = getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, stat.S_IRUSR | stat.S_IWUSR)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def finish(self) -> None:
        """Close it; nothing more is written."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def remove(self) -> None:
        """Close and delete it."""
        self.finish()
        self.path.unlink(missing_ok=True)


class Spool:
    """All files of one server.

    Attributes:
        held_bytes: Of all files that are there.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Keep files in *folder*, all together no more than *max_bytes*."""
        self.folder = folder
        self.held_bytes = 0
        self._max_bytes = max_bytes
        self._mark = f"{PREFIX}{os.getpid()}-"

    def prepare(self) -> None:
        """Make the folder, and delete what processes that are no more have left there. Blocks; called at the start."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in self.folder.glob(f"{PREFIX}*"):
            try:
                if _is_left_over(file):
                    file.unlink()
            except OSError as error:  # somebody else's, or in use: it is not in the way
                _log.warning("upload_left_over", file=file.name, error=type(error).__name__)

    def begin(self) -> SpoolFile:
        """Return a new file."""
        return SpoolFile(self.folder / f"{self._mark}{secrets.token_hex(8)}")

    def book(self, file: SpoolFile, size: int) -> None:
        """Count *size* bytes that *file* is about to get.

        Raises:
            NoRoomForUpload: They are too many for all files together.
        """
        if self.held_bytes + size > self._max_bytes:
            raise NoRoomForUpload(
                f"Uploads of other calls take all of the {self._max_bytes} bytes kept for them ([server] upload_disk_bytes). "
                "Try again in a moment.",
                retry_after_s=5.0,
            )
        self.held_bytes += size
        file.size_bytes += size

    def forget(self, file: SpoolFile) -> None:
        """Count *file* out; ``remove_files`` deletes it."""
        self.held_bytes -= file.size_bytes
        file.size_bytes = 0


def remove_files(files: Sequence[SpoolFile]) -> None:
    """Delete *files*. Blocks for as long as the file system takes."""
    for file in files:
        try:
            file.remove()
        except OSError as error:
            _log.warning("upload_not_removed", file=file.path.name, error=type(error).__name__)


def _is_left_over(file: Path) -> bool:
    number = file.name.removeprefix(PREFIX).partition("-")[0]
    if not number.isdigit() or int(number) == os.getpid() or time.time() - file.stat().st_mtime > LEFT_OVER_S:
        return True
    if sys.platform == "win32":  # signal 0 would end the process there; a file that is in use cannot be deleted
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
