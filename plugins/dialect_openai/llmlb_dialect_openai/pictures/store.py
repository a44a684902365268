"""The folder of pictures: bounded, cleaned, written by a thread of its own."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from attrs import frozen

from llmlb_core import get_logger, new_token
from llmlb_dialect_openai.settings import OpenAISettings

_NAME = re.compile(r"(?P<id>[A-Za-z0-9]{32})\.png")
_PENDING_BYTES = 64 * 1024 * 1024
_log = get_logger("pictures")


@frozen
class _Kept:
    size_bytes: int
    expires_at: float


class PictureStore:
    """PNG files by random names, in *directory*. Calls are safe from any thread.

    ``put`` does not wait for the disk: the bytes are served from memory until they lie there.
    """

    def __init__(self, directory: Path, settings: OpenAISettings) -> None:
        """Keep pictures in *directory*, which is made and looked through by ``open`` or with the first picture."""
        self._directory = directory
        self._settings = settings
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._pending: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._writer: ThreadPoolExecutor | None = None

    def put(self, png: bytes) -> tuple[str, int]:
        """Keep *png*; return its id, which nobody can guess, and when it expires, in seconds since 1970."""
        picture_id = new_token("")
        expires_at = int(time.time() + self._settings.picture_ttl_s) + 1
        with self._lock:
            self._pending[picture_id] = png
            is_crowded = sum(map(len, self._pending.values())) > _PENDING_BYTES
        written = self._submit(picture_id, png, expires_at)
        if is_crowded:  # the disk is slower than the models: memory is bounded, so this call waits
            written.result()
        return picture_id, expires_at

    def read(self, picture_id: str) -> bytes | None:
        """Return a picture; None where it is not kept any more. Reads a file, so it belongs in a thread."""
        with self._lock:
            pending = self._pending.get(picture_id)
        if pending is not None:
            return pending
        try:
            return self._path(picture_id).read_bytes()
        except OSError:
            return None

    def open(self) -> None:
        """Find what an earlier process left, and delete what expired since. Blocks."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.scandir(self._directory) as entries:
                found = sorted((entry.stat().st_mtime, entry.name, entry.stat().st_size) for entry in entries if entry.is_file())
        except OSError as error:
            _log.error("picture_folder_unusable", path=str(self._directory), reason=error.strerror or str(error))
            return
        with self._lock:
            for changed_at, name, size_bytes in found:
                named = _NAME.fullmatch(name)
                if named is not None and named["id"] not in self._kept:
                    self._kept[named["id"]] = _Kept(size_bytes, changed_at + self._settings.picture_ttl_s)
                    self._bytes += size_bytes
        self.sweep()

    def sweep(self) -> None:
        """Delete what expired and what is too much, oldest first. Blocks."""
        settings, now = self._settings, time.time()
        gone: list[str] = []
        with self._lock:
            while self._kept:
                picture_id, kept = next(iter(self._kept.items()))
                is_full = len(self._kept) > settings.picture_max_count or self._bytes > settings.picture_max_bytes
                if kept.expires_at > now and not is_full:
                    break
                del self._kept[picture_id]
                self._bytes -= kept.size_bytes
                gone.append(picture_id)
        for picture_id in gone:
            with contextlib.suppress(OSError):
                self._path(picture_id).unlink()

    def close(self) -> None:
        """Wait until everything is written."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.shutdown(wait=True)

    def _path(self, picture_id: str) -> Path:
        return self._directory / f"{picture_id}.png"

    def _submit(self, picture_id: str, png: bytes, expires_at: float) -> Future[None]:
        with self._lock:
            if self._writer is None:
                self._writer = ThreadPoolExecutor(1, thread_name_prefix="pictures")
            return self._writer.submit(self._write, picture_id, png, expires_at)

    def _write(self, picture_id: str, png: bytes, expires_at: float) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._path(picture_id)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb") as file:
                file.write(png)
        except OSError as error:
            _log.error("picture_not_kept", path=str(self._directory), reason=error.strerror or str(error))
        else:
            with self._lock:
                self._kept[picture_id] = _Kept(len(png), expires_at)
                self._bytes += len(png)
        finally:
            with self._lock:
                self._pending.pop(picture_id, None)
        self.sweep()
