"""Downloads: the files of a manifest, from its store to a directory, resumed where they stopped."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from llmlb_core.contracts.modelstore import ModelStore, Report
from llmlb_core.domain.models import Manifest, ManifestFile
from llmlb_core.errors import DownloadFailed, LLMLBError
from llmlb_core.models.installed import damage
from llmlb_core.models.naming import PART_SUFFIX
from llmlb_core.models.part import Part


@frozen
class Patience:
    """How long a download goes on.

    Attributes:
        retry_waits_s: A broken file is tried again after each of these, from where it stopped.
        silence_s: A store that yields nothing for so long has broken.
        lock_wait_s: How long another process that downloads the same model is waited for.
    """

    retry_waits_s: tuple[float, ...] = (1.0, 4.0)
    silence_s: float = 120.0
    lock_wait_s: float = 300.0


async def download(
    store: ModelStore, manifest: Manifest, directory: Path, *, report: Report | None = None, patience: Patience | None = None
) -> None:
    """Fetch every file of *manifest* into *directory*; files that are there and whole are kept.

    A file is written as ``<name>.part`` and renamed when its size and hash are right. Cancelling keeps the part.
    One download of one directory at a time: the caller holds the model's lock.

    Args:
        store: Where the manifest came from.
        manifest: Checked, see ``check_manifest``.
        directory: Exists.
        report: Told of the bytes of all files together.
        patience: Retries and waits.

    Raises:
        DownloadFailed: No space, a broken store, or a wrong size or hash; that file is not there under its name.
    """
    missing = []
    done_bytes = 0
    for file in manifest.files:
        if await asyncio.to_thread(damage, directory / file.name, file, read=True) is None:
            done_bytes += (directory / file.name).stat().st_size
        else:
            missing.append(file)
    _check_space(directory, missing)
    sizes = [file.size_bytes for file in manifest.files]
    total_bytes = None if None in sizes else sum(size for size in sizes if size is not None)
    for file in missing:
        fetch = _Fetch(store, manifest, file, directory, patience or Patience())
        done_bytes += await fetch.run(_offset(report, done_bytes, total_bytes))


def _offset(report: Report | None, before_bytes: int, total_bytes: int | None) -> Callable[[int], None]:
    """Turn the bytes of one file into those of all."""
    return lambda count: report(before_bytes + count, total_bytes) if report is not None else None


def _check_space(directory: Path, files: list[ManifestFile]) -> None:
    needed = 0
    for file in files:
        part = directory / (file.name + PART_SUFFIX)
        needed += max(0, (file.size_bytes or 0) - (part.stat().st_size if part.exists() else 0))
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise DownloadFailed(
            f"{needed} more bytes are needed, and {free} are free in {directory}; make room, or set LLMLB_DATA_DIR to a larger disk"
        )


@frozen
class _Fetch:
    """One file on its way."""

    store: ModelStore
    manifest: Manifest
    file: ManifestFile
    directory: Path
    patience: Patience

    async def run(self, report: Callable[[int], None]) -> int:
        """Fetch the file; return its size."""
        target = self.directory / self.file.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = await asyncio.to_thread(Part, target.with_name(target.name + PART_SUFFIX))
        except OSError as error:
            raise self._failed(f"it cannot be written ({error.strerror or error})") from error
        try:
            await self._fill(part, report)
            await asyncio.to_thread(part.finish, target)
        except OSError as error:
            raise self._failed(f"it cannot be written ({error.strerror or error})") from error
        finally:
            part.close()
        return part.size_bytes

    async def _fill(self, part: Part, report: Callable[[int], None]) -> None:
        """Read until size and hash are right; again where the store broke, and from the start where the old part was wrong."""
        waits_s = iter(self.patience.retry_waits_s)
        is_resumed = part.size_bytes > 0
        while True:
            try:
                await self._stream(part, report)
            except DownloadFailed:
                wait_s = next(waits_s, None)
                if wait_s is None:
                    raise
                await asyncio.sleep(wait_s)
                continue
            reason = self._mismatch(part)
            if reason is None:
                return
            part.restart()
            if not is_resumed:
                part.close()
                part.path.unlink()
                raise self._failed(reason)
            is_resumed = False

    async def _stream(self, part: Part, report: Callable[[int], None]) -> None:
        """Append what the store yields, up to the file's size; raises ``DownloadFailed`` where that comes short."""
        size_bytes = self.file.size_bytes
        pieces = self.store.read(self.manifest, self.file, part.size_bytes)
        try:
            while size_bytes is None or part.size_bytes <= size_bytes:
                try:
                    async with asyncio.timeout(self.patience.silence_s):
                        piece = await anext(pieces, None)
                except TimeoutError:
                    raise self._failed(f"nothing came for {self.patience.silence_s:g} s") from None
                except LLMLBError:
                    raise
                except Exception as error:  # a store is other people's code
                    raise self._failed(f"the store {self.store.scheme!r} raised {type(error).__name__}: {error}") from error
                if piece is None:
                    break
                await asyncio.to_thread(part.write, piece)
                report(part.size_bytes)
        finally:
            close = getattr(pieces, "aclose", None)  # a generator has it, other iterators need not
            if close is not None:
                await close()
        if size_bytes is not None and part.size_bytes < size_bytes:
            raise self._failed(f"it ended after {part.size_bytes} of {size_bytes} bytes")

    def _mismatch(self, part: Part) -> str | None:
        if self.file.size_bytes is not None and part.size_bytes != self.file.size_bytes:
            return f"it has more than the {self.file.size_bytes} bytes that it should have"
        if self.file.sha256 is not None and part.sha256() != self.file.sha256:
            return f"its sha256 is {part.sha256()}, expected {self.file.sha256}; it was not kept"
        return None

    def _failed(self, reason: str) -> DownloadFailed:
        return DownloadFailed(f"{self.file.name} of {self.manifest.reference} could not be fetched: {reason}")
