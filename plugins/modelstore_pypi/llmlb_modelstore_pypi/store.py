"""The store of scheme ``pypi``: model files inside wheels."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from llmlb_core import BundleMember, Manifest, ManifestFile, ModelStore, model_id_of
from llmlb_core.errors import DownloadFailed, ModelUnknown
from llmlb_modelstore_pypi.known import BUNDLES, KnownModel, known_model
from llmlb_modelstore_pypi.pip import Pip
from llmlb_modelstore_pypi.reference import Reference, parse_reference
from llmlb_modelstore_pypi.settings import PyPISettings
from llmlb_modelstore_pypi.wheel import BROKEN, Member, Wheel, open_member, read_wheel

_CHUNK_BYTES = 1024 * 1024
_KEPT_S = 24 * 3600.0
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)


class PyPIStore(ModelStore):
    """Fetches a wheel to know what is in it, hands out the model file, and forgets the wheel when that is installed.

    A wheel whose installation broke is kept for a day, so that the next try need not fetch it again.
    """

    scheme = "pypi"

    def __init__(self, folder: Path, settings: PyPISettings) -> None:
        """Keep wheels in *folder*, which is made when one comes."""
        self._folder = folder
        self._max_bytes = settings.max_bytes
        self._pip = Pip(folder, settings.max_bytes, settings.silence_s)

    async def resolve(self, reference: str, report: Callable[[int, int | None], None] | None = None) -> Manifest:
        """Fetch the wheel of ``name[==version][:member]`` and pin what is in it.

        Raises:
            ModelUnknown: No such package, no model in it, or several and none is named.
            DownloadFailed: pip failed, or the file is not the one that is known under this version.
        """
        wanted = parse_reference(reference)
        await asyncio.to_thread(self._prune)
        path = self._kept(wanted) or await self._pip.fetch(wanted.requirement, report)
        try:
            known = _known(path, wanted.member)
            also = [file.path for file in known.files] if known is not None else ()
            wheel = await asyncio.to_thread(read_wheel, path, self._max_bytes, also)
            members = _choose(wanted, wheel) if known is None else _checked(known, wheel, path)
        except DownloadFailed:
            path.unlink(missing_ok=True)  # the next try fetches a whole one
            raise
        return Manifest(
            id=known.id if known is not None else model_id_of(members[0].name),
            reference=str(wanted),
            revision=wheel.version,
            format=known.format if known is not None else "gguf",
            main=members[0].name,
            files=tuple(
                ManifestFile(member.name, member.size_bytes, member.sha256, source=f"{path.name}:{member.path}")
                for member in members
            ),
            license=known.license if known is not None else wheel.license,
            aliases=known.aliases if known is not None else (),
        )

    async def read(self, manifest: Manifest, file: ManifestFile, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield one file of the wheel that ``resolve`` fetched."""
        wheel_name, _, member = file.source.partition(":")
        path = self._folder / wheel_name
        if not _is_wheel_name(wheel_name) or not path.exists():
            raise DownloadFailed(f"the package of {manifest.reference} is not here any more; add the model again")
        stream = await asyncio.to_thread(open_member, path, member, offset)
        try:
            while piece := await asyncio.to_thread(stream.read, _CHUNK_BYTES):
                yield piece
        except BROKEN as error:
            path.unlink(missing_ok=True)  # the next try fetches a whole one
            raise DownloadFailed(f"{member} in {wheel_name} is damaged: {error}") from error
        finally:
            stream.close()

    def release(self, manifest: Manifest) -> None:
        """Delete the wheels that *manifest* came from."""
        for file in manifest.files:
            name = file.source.partition(":")[0]
            if _is_wheel_name(name):
                (self._folder / name).unlink(missing_ok=True)

    def bundles(self) -> Mapping[str, Sequence[str | BundleMember]]:
        """``starter``: a small model of each kind, which answers on any machine."""
        return BUNDLES

    def _kept(self, wanted: Reference) -> Path | None:
        """A wheel of exactly the pinned version that an earlier try left."""
        if wanted.version is None or not self._folder.is_dir():
            return None
        for path in self._folder.glob("*.whl"):
            with contextlib.suppress(InvalidWheelFilename):
                name, version, _, _ = parse_wheel_filename(path.name)
                if (name, str(version)) == (wanted.name, wanted.version):
                    return path
        return None

    def _prune(self) -> None:
        """Delete what nobody came back for."""
        limit = time.time() - _KEPT_S
        for path in self._folder.glob("*") if self._folder.is_dir() else ():
            with contextlib.suppress(OSError):
                if path.stat().st_mtime >= limit:
                    continue
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def _is_wheel_name(name: str) -> bool:
    try:
        parse_wheel_filename(name)
    except InvalidWheelFilename:
        return False
    return "/" not in name and "\\" not in name


def _known(path: Path, wanted: str | None) -> KnownModel | None:
    """The entry of the package and version that a wheel is named for, unless another file of it is wanted."""
    try:
        name, version, _, _ = parse_wheel_filename(path.name)
    except InvalidWheelFilename:
        return None
    known = known_model(name, str(version))
    if known is None or wanted in {None, known.files[0].path, known.files[0].name}:
        return known
    return None


def _checked(known: KnownModel, wheel: Wheel, path: Path) -> tuple[Member, ...]:
    """Return the files of a known model.

    Raises:
        DownloadFailed: They are not those that are known.
    """
    by_path = {member.path: member for member in wheel.members}
    for file in known.files:
        seen = by_path[file.path].sha256 if file.path in by_path else None
        if seen != file.sha256:
            has = "is not there" if seen is None else f"has the sha256 {seen}"
            raise DownloadFailed(
                f"{file.path} in {path.name} {has}, expected {file.sha256}; "
                "the index that pip is configured for has another file under this version"
            )
    return tuple(by_path[file.path] for file in known.files)


def _choose(wanted: Reference, wheel: Wheel) -> tuple[Member, ...]:
    """Return the one model that is meant: its file, or its parts in order."""
    if not wheel.members:
        raise ModelUnknown(
            f"{wheel.project} {wheel.version} has no .gguf file; it is not a package with a model that can be used here"
        )
    paths = ", ".join(member.path for member in wheel.members[:8])
    if wanted.member is not None:
        members = [member for member in wheel.members if wanted.member in {member.path, member.name}]
        if len(members) != 1:
            raise ModelUnknown(f"{wheel.project} {wheel.version} has no single file {wanted.member!r}; it has: {paths}")
        return _with_parts(members[0], wheel)
    firsts = [member for member in wheel.members if (part := _SHARD.fullmatch(member.name)) is None or int(part[2]) == 1]
    if len(firsts) != 1:
        raise ModelUnknown(f"{wheel.project} {wheel.version} has several models; name one as {wanted}:FILE, of: {paths}")
    return _with_parts(firsts[0], wheel)


def _with_parts(first: Member, wheel: Wheel) -> tuple[Member, ...]:
    part = _SHARD.fullmatch(first.name)
    if part is None:
        return (first,)
    folder = first.path.removesuffix(first.name)
    by_path = {member.path: member for member in wheel.members}
    paths = [f"{folder}{part[1]}-{number:05d}-of-{part[3]}{first.name[-5:]}" for number in range(1, min(int(part[3]), 10_000) + 1)]
    missing = [path for path in paths if path not in by_path]
    if missing:
        raise ModelUnknown(
            f"{wheel.project} {wheel.version} has only some parts of {first.name}; it lacks {', '.join(missing[:4])}"
        )
    return tuple(by_path[path] for path in paths)
