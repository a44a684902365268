"""``manifest.json``: what one installed model consists of, and where it came from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
from attrs import asdict, frozen

from llmlb_core.domain.models import Manifest
from llmlb_core.errors import ModelFilesInvalid
from llmlb_core.models.naming import check_alias, check_file_name, check_id

FORMAT_VERSION = 1
_MAX_BYTES = 4 * 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


@frozen
class Installation:
    """One model as it is installed on this machine.

    Attributes:
        installed_at: Seconds since 1970.
        in_place: The directory of files that llmlb did not download and never deletes; None = they lie beside the manifest.
    """

    manifest: Manifest
    installed_at: int
    in_place: str | None = None


@frozen
class _Header:
    """What every version of the file has; read first, because the rest depends on it."""

    version: int


def check_manifest(manifest: Manifest) -> Manifest:
    """Return *manifest* when every name in it is safe and it is complete in itself.

    Raises:
        ModelFilesInvalid: Says what is wrong; manifests come from stores and from disk, hence from others.
    """
    if manifest.id != check_id(manifest.id):
        raise ModelFilesInvalid(f"the manifest's id {manifest.id!r} is not in lower case")
    for alias in manifest.aliases:
        check_alias(alias)
    names = [check_file_name(file.name) for file in manifest.files]
    if len({name.lower() for name in names}) != len(names):
        raise ModelFilesInvalid(f"the manifest of {manifest.id} lists a file twice: {', '.join(sorted(names))}")
    if manifest.main not in names:
        raise ModelFilesInvalid(
            f"the manifest of {manifest.id} says that engines open {manifest.main!r}, but does not list that file"
        )
    for file in manifest.files:
        if file.size_bytes is not None and file.size_bytes < 0:
            raise ModelFilesInvalid(f"the manifest of {manifest.id} gives {file.name} a size of {file.size_bytes} bytes")
        if file.sha256 is not None and not _SHA256.fullmatch(file.sha256):
            raise ModelFilesInvalid(f"the manifest of {manifest.id} gives {file.name} a sha256 that is not 64 hexadecimal digits")
    return manifest


def dump_installation(installation: Installation) -> bytes:
    """Return the text of ``manifest.json``."""
    document = {"version": FORMAT_VERSION, **asdict(installation)}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def read_installation(path: Path, model_id: str) -> Installation:
    """Read and check the ``manifest.json`` of *model_id*.

    Raises:
        ModelFilesInvalid: It is unreadable, damaged, of a newer format, or of another model.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise _damaged(path, f"it cannot be read ({error.strerror or error})") from error
    if len(text) > _MAX_BYTES:
        raise _damaged(path, f"it is larger than {_MAX_BYTES} bytes")
    try:
        version = msgspec.json.decode(text, type=_Header).version
        if version != FORMAT_VERSION:
            raise ModelFilesInvalid(
                f"{path} has format version {version!r}, and this llmlb reads version {FORMAT_VERSION}; "
                "upgrade llmlb, or remove the model and add it again"
            )
        installation = msgspec.json.decode(
            text, type=Installation
        )  # strict: it converts nothing, and ignores what it does not know
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    try:
        check_manifest(installation.manifest)
    except ModelFilesInvalid as error:
        raise _damaged(path, error.message) from error
    if installation.manifest.id != model_id:
        raise _damaged(path, f"it is that of {installation.manifest.id!r}, not of {model_id!r}")
    return installation


def _damaged(path: Path, reason: str) -> ModelFilesInvalid:
    return ModelFilesInvalid(f"{path} is damaged: {reason}; remove the model and add it again")
