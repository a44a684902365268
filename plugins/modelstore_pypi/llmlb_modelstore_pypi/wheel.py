"""Looks into a wheel: which model files it has, with the hashes that its RECORD gives. No name in it becomes a path on disk."""

from __future__ import annotations

import base64
import csv
import io
import zipfile
import zlib
from collections.abc import Collection
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import IO

from attrs import frozen
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from llmlb_core.errors import DownloadFailed, ModelFilesInvalid

SUFFIX = ".gguf"
_MAX_ENTRIES = 100_000
_MAX_TEXT_BYTES = 16 * 1024 * 1024
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError, csv.Error)
"""What ``zipfile`` raises for damaged, encrypted or unusual archives."""


@frozen
class Member:
    """A model file inside a wheel.

    Attributes:
        path: Inside the archive; shown and looked up, never used as a path on disk.
        sha256: Hex, from RECORD.
    """

    path: str
    size_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rsplit("/", 1)[-1]


@frozen
class Wheel:
    """What a wheel says of itself."""

    project: str
    version: str
    license: str | None
    members: tuple[Member, ...]


def read_wheel(path: Path, max_bytes: int, also: Collection[str] = ()) -> Wheel:
    """List the model files of the wheel at *path*: those that end in ``.gguf``, and the paths *also*.

    Raises:
        DownloadFailed: It is no wheel, or a damaged one.
        ModelFilesInvalid: A model in it is larger than *max_bytes*, encrypted, or has no hash in RECORD.
    """
    try:
        name, version, _, _ = parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        raise DownloadFailed(f"{path.name} is not named as wheels are") from error
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _MAX_ENTRIES:
                raise ModelFilesInvalid(f"{path.name} holds {len(entries)} files, more than {_MAX_ENTRIES}")
            info = _dist_info(archive, name)
            hashes = _hashes(_text(archive, f"{info}/RECORD"))
            members = tuple(
                _member(entry, hashes, max_bytes)
                for entry in entries
                if (entry.filename.lower().endswith(SUFFIX) or entry.filename in also) and not entry.is_dir()
            )
            license_text = _license(_text(archive, f"{info}/METADATA"))
    except KeyError as error:
        raise DownloadFailed(f"{path.name} is not a whole wheel: {error}") from error
    except BROKEN as error:
        raise DownloadFailed(f"{path.name} is damaged: {error}") from error
    return Wheel(name, str(version), license_text, members)


def open_member(path: Path, member: str, offset: int) -> IO[bytes]:
    """Open one file of the wheel at *path* for reading from *offset*; it yields no more than the size it declares.

    Raises:
        DownloadFailed: It is not there, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            stream = archive.open(member)  # keeps the archive's file open by itself
        stream.seek(offset)
    except KeyError as error:
        raise DownloadFailed(f"{path.name} has no {member}") from error
    except BROKEN as error:
        raise DownloadFailed(f"{path.name} is damaged: {error}") from error
    return stream


def _dist_info(archive: zipfile.ZipFile, project: str) -> str:
    for entry in archive.namelist():
        folder, _, rest = entry.partition("/")
        owner, _, _ = folder.removesuffix(".dist-info").rpartition("-")
        if rest == "RECORD" and folder.endswith(".dist-info") and canonicalize_name(owner) == project:
            return folder
    raise KeyError(f"it has no RECORD of {project}")


def _text(archive: zipfile.ZipFile, member: str) -> bytes:
    entry = archive.getinfo(member)
    if entry.file_size > _MAX_TEXT_BYTES:
        raise ModelFilesInvalid(f"{member} has {entry.file_size} bytes, more than {_MAX_TEXT_BYTES}")
    return archive.read(entry)


def _hashes(record: bytes) -> dict[str, str]:
    """Return hex sha256 by path, as RECORD gives it in base64 without padding."""
    found = {}
    for row in csv.reader(io.StringIO(record.decode())):
        if len(row) == 3 and row[1].startswith("sha256="):
            encoded = row[1].removeprefix("sha256=")
            found[row[0]] = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).hex()
    return found


def _member(entry: zipfile.ZipInfo, hashes: dict[str, str], max_bytes: int) -> Member:
    if entry.flag_bits & 0x1:
        raise ModelFilesInvalid(f"{entry.filename} is encrypted")
    if entry.file_size > max_bytes:
        raise ModelFilesInvalid(
            f"{entry.filename} has {entry.file_size} bytes, more than {max_bytes}, the limit [plugins.modelstore_pypi] max_bytes"
        )
    sha256 = hashes.get(entry.filename)
    if sha256 is None:
        raise ModelFilesInvalid(f"{entry.filename} has no sha256 in the wheel's RECORD")
    return Member(entry.filename, entry.file_size, sha256)


def _license(metadata: bytes) -> str | None:
    headers = BytesHeaderParser().parsebytes(metadata)
    text = str(headers.get("License-Expression") or headers.get("License") or "").strip()
    return text if text and "\n" not in text and len(text) <= 100 else None
