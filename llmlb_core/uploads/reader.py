"""A call's form: read from its outlet, small files kept in memory, large ones in the spool."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from attrs import define, field

from llmlb_core.contracts.outlet import Outlet
from llmlb_core.domain.forms import Form, FormFile
from llmlb_core.domain.media import Blob
from llmlb_core.errors import BodyTooLarge, NoRoomForUpload
from llmlb_core.telemetry.log import get_logger
from llmlb_core.uploads.boundary import boundary_of
from llmlb_core.uploads.parts import MAX_FIELDS_BYTES, MAX_PARTS, Part, Parts, broken, too_large
from llmlb_core.uploads.spool import Spool, SpoolFile, remove_files

MEMORY_BYTES = 1024 * 1024
"""Of the files of one form so much is kept in memory; the file that passes it goes to disk."""
WRITE_BYTES = 256 * 1024
"""Written to disk at a time."""
FRAMING_BYTES = MAX_PARTS * 512
"""What boundaries and headers of parts may take on top of fields and files."""

_log = get_logger("uploads")


class Uploads:
    """Reads the forms of one server's calls, and deletes what they left when they are over."""

    def __init__(self, spool: Spool) -> None:
        """Keep large files in *spool*."""
        self._spool = spool
        self._files: dict[str, SpoolFile] = {}
        self._removing: set[asyncio.Future[None]] = set()

    @property
    def file_count(self) -> int:
        """How many files lie in the spool, of calls that run."""
        return len(self._files)

    async def read(self, outlet: Outlet, path: str, content_type: str, max_bytes: int, timeout_s: float) -> Form:
        """Return the form that *outlet* brings. Whoever gets it calls ``release`` when the call is over.

        Args:
            outlet: Of the call.
            path: Of its route, for messages.
            content_type: Its header.
            max_bytes: Of all files together.
            timeout_s: How long the client may be silent between two pieces.

        Raises:
            UnsupportedContentType: It is no form.
            InvalidRequest: It cannot be read, or was cut.
            BodyTooLarge: It is larger than it may be.
            BodyTimeout: The client was silent.
            NoRoomForUpload: The disk is full, or what may be used of it.
        """
        parts = Parts(boundary_of(path, content_type), max_bytes)
        reading = _Reading(parts, self._spool)
        try:
            await reading.run(outlet, max_bytes + MAX_FIELDS_BYTES + FRAMING_BYTES, timeout_s, max_bytes)
            form = reading.form()
        except BaseException:
            self._remove(reading.files.values())
            raise
        self._files.update({str(file.path): file for file in reading.files.values()})
        return form

    async def keep(self, size: int, pieces: Iterator[bytes]) -> Blob:
        """Return what *pieces*, of *size* bytes all together, make: in memory, or in the spool where that is much.

        Whoever gets it calls ``drop``. *pieces* are taken in a thread; what they raise is raised here.

        Raises:
            NoRoomForUpload: The disk is full, or what may be used of it.
        """
        if size <= MEMORY_BYTES:
            return Blob(data=await asyncio.to_thread(b"".join, pieces))
        file = self._spool.begin()
        try:
            self._spool.book(file, size)
            await _finished(partial(_write_all, file, pieces))
        except BaseException as error:
            self._remove([file])
            if isinstance(error, OSError):
                raise not_written(error) from None
            raise
        self._files[str(file.path)] = file
        return Blob(path=str(file.path))

    def drop(self, blobs: Iterable[Blob]) -> None:
        """Delete what was kept of *blobs*. Does not wait for the file system."""
        self._remove([file for each in blobs if each.path is not None and (file := self._files.pop(each.path, None)) is not None])

    def release(self, form: Form) -> None:
        """Delete the files of *form*: its call is over. Does not wait for the file system."""
        self.drop([file.blob for file in form.files])

    async def close(self) -> None:
        """Return when everything that was released is gone."""
        if self._removing:
            await asyncio.wait(self._removing)

    def _remove(self, files: Iterable[SpoolFile]) -> None:
        doomed = tuple(files)
        for file in doomed:
            self._spool.forget(file)
        if doomed:
            removing = asyncio.get_running_loop().run_in_executor(None, remove_files, doomed)
            self._removing.add(removing)
            removing.add_done_callback(self._removing.discard)


@define(eq=False)
class _Reading:
    """One form while it arrives.

    Attributes:
        files: The spool's, by the place of their parts.
    """

    parts: Parts
    spool: Spool
    files: dict[int, SpoolFile] = field(factory=dict)
    _done: int = 0
    _memory_bytes: int = 0

    async def run(self, outlet: Outlet, max_body_bytes: int, timeout_s: float, max_bytes: int) -> None:
        """Read all of it."""
        parts = self.parts
        try:
            while piece := await outlet.piece(max_body_bytes, timeout_s):
                parts.feed(piece)
                await self._spool_files()
        except BodyTooLarge as error:
            raise (error if error.param is not None else too_large(max_bytes)) from None
        except OSError as error:
            raise not_written(error) from None
        if not parts.is_whole:
            seen = f"{len(parts.all)} parts came" if parts.all else "no part came"
            raise broken(f"it ended before its closing boundary ({seen}); it was cut, or the boundary is another one")

    async def _spool_files(self) -> None:
        """Move what is too much for memory to disk; whoever sends waits meanwhile."""
        for place in range(self._done, len(self.parts.all)):
            part = self.parts.all[place]
            if part.filename is not None:
                await self._spool_part(place, part)
            if part.is_whole:
                self._done = place + 1

    async def _spool_part(self, place: int, part: Part) -> None:
        file = self.files.get(place)
        if file is None:
            if self._memory_bytes + part.size_bytes <= MEMORY_BYTES:
                self._memory_bytes += part.size_bytes if part.is_whole else 0
                return
            file = self.files[place] = self.spool.begin()
        elif len(part.held) < WRITE_BYTES and not part.is_whole:
            return
        data, part.held = part.held, bytearray()
        self.spool.book(file, len(data))
        await _in_thread(file, data, part.is_whole)

    def form(self) -> Form:
        """Return what was read."""
        fields: list[tuple[str, str]] = []
        files: list[FormFile] = []
        for place, part in enumerate(self.parts.all):
            if part.filename is None:
                fields.append((part.name, part.text()))
            else:
                file = self.files.get(place)
                blob = Blob(data=bytes(part.held)) if file is None else Blob(path=str(Path(file.path)))
                files.append(FormFile(part.name, part.filename, part.content_type, blob))
        return Form(tuple(fields), tuple(files))


def not_written(error: OSError) -> NoRoomForUpload:
    """Return what a call is answered with whose upload could not be written; the log has *error*."""
    _log.error("upload_not_written", error=errno.errorcode.get(error.errno or 0, type(error).__name__))
    return NoRoomForUpload(
        "The upload could not be kept on this server's disk; its operator finds more in the log. Try again later.",
        retry_after_s=30.0,
    )


async def _in_thread(file: SpoolFile, data: bytearray, is_last: bool) -> None:  # noqa: FBT001  # a fact of the data
    """Write *data*."""

    def write() -> None:
        file.write(data)
        if is_last:
            file.finish()

    await _finished(write)


def _write_all(file: SpoolFile, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        file.write(piece)
    file.finish()


async def _finished(write: Callable[[], None]) -> None:
    """Run *write* in a thread. A cancelled call waits for it, so that nothing is written to a file that is being deleted."""
    writing = asyncio.get_running_loop().run_in_executor(None, write)
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing])
        raise
