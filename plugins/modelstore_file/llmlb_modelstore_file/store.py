"""The store of scheme ``file``: paths on this machine, used in place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from llmlb_core import Manifest, ManifestFile, ModelStore
from llmlb_core.errors import DownloadFailed, ModelFilesInvalid, ModelUnknown
from llmlb_modelstore_file.found import Layout
from llmlb_modelstore_file.layout import read_layout

_CHUNK_BYTES = 1024 * 1024


class FileStore(ModelStore):
    """Models by path. Relative paths begin where the command runs; the manifest keeps the absolute one."""

    scheme = "file"

    async def resolve(self, reference: str, report: Callable[[int, int | None], None] | None = None) -> Manifest:
        """Look at the path and list the model's files; reads a few bytes only."""
        del report
        path = _path_of(reference)
        layout = await asyncio.to_thread(_read, path)
        return Manifest(
            id=layout.model_id,
            reference=f"file:{path}",
            revision="",
            format=layout.format,
            main=layout.main,
            files=tuple(ManifestFile(name, size_bytes) for name, size_bytes in layout.files),
        )

    async def read(self, manifest: Manifest, file: ManifestFile, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield the bytes of one file; llmlb itself uses the files in place."""
        path = self.in_place(manifest) / file.name
        try:
            with await asyncio.to_thread(path.open, "rb") as stream:
                stream.seek(offset)
                while piece := await asyncio.to_thread(stream.read, _CHUNK_BYTES):
                    yield piece
        except OSError as error:
            raise DownloadFailed(f"{path} cannot be read ({error.strerror or error})") from error

    def in_place(self, manifest: Manifest) -> Path:
        """The directory of the files."""
        path = Path(manifest.reference.removeprefix("file:"))
        return path if path.is_dir() else path.parent


def _path_of(reference: str) -> Path:
    """Return the absolute path that *reference* means: a path, ``~/…``, or the rest of a ``file://`` URL."""
    if "\0" in reference:
        raise ModelUnknown("a path with a NUL character names nothing")
    if reference.startswith("//"):
        url = urlsplit("file:" + reference)
        if url.netloc not in {"", "localhost"}:
            raise ModelUnknown(f"file:{reference} is on the machine {url.netloc!r}; only this machine's files can be used")
        reference = unquote(url.path)
    try:
        path = Path(reference).expanduser()
    except RuntimeError as error:  # no such user
        raise ModelUnknown(f"{reference}: {error}") from error
    # Not `resolve`: a link is what an operator moves to another model on purpose.
    return path.resolve() if ".." in path.parts else path.absolute()


def _read(path: Path) -> Layout:
    try:
        if not path.exists():
            near = (
                f"; in {path.parent} are: {_listing(path.parent)}" if path.parent.is_dir() else f", and neither does {path.parent}"
            )
            raise ModelUnknown(f"{path} does not exist{near}")
        return read_layout(path)
    except OSError as error:
        raise ModelFilesInvalid(f"{error.filename or path} cannot be read ({error.strerror or error})") from error


def _listing(directory: Path) -> str:
    names = sorted(entry.name for entry in directory.iterdir() if not entry.name.startswith("."))
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "") if names else "nothing"
