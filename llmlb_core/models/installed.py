"""The models directory: which models are installed, where each lies, and how one goes."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from llmlb_core.domain.models import ManifestFile
from llmlb_core.errors import DataDirUnusable, ModelFilesInvalid, ModelUnknown
from llmlb_core.models.manifest import Installation, dump_installation, read_installation
from llmlb_core.models.naming import MANIFEST_NAME, PART_SUFFIX, check_id

_MAX_DEPTH = 12


@frozen
class Removed:
    """What ``InstalledModels.remove`` did.

    Attributes:
        freed_bytes: Size of what was deleted.
        kept: Files and directories that llmlb did not download, and hence left.
    """

    freed_bytes: int
    kept: tuple[Path, ...]


@frozen
class InstalledModels:
    """The directory ``<data_dir>/models``. It need not exist."""

    root: Path

    def directory(self, model_id: str) -> Path:
        """Where the files and the manifest of *model_id* lie, or would; raises ``ModelFilesInvalid`` for an unsafe id."""
        return self.root / check_id(model_id)

    def lock_path(self, key: str) -> Path:
        """The lock file of *key*, an id or a reference."""
        return self.root / ".locks" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.lock"

    def manifests(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Yield every installed model's id and the entry of its manifest, in no order. Cheap: one listing a directory."""
        pending = [("", str(self.root), 0)]
        while pending:
            prefix, directory, depth = pending.pop()
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as entries:
                for entry in entries:
                    if entry.name == MANIFEST_NAME and prefix:
                        yield prefix.removesuffix("/"), entry
                    elif not entry.name.startswith(".") and depth < _MAX_DEPTH and entry.is_dir(follow_symlinks=False):
                        pending.append((f"{prefix}{entry.name}/", entry.path, depth + 1))

    def find(self, model_id: str) -> Installation | None:
        """The installation of *model_id*, or None; raises ``ModelFilesInvalid`` where its manifest is damaged."""
        path = self.directory(model_id) / MANIFEST_NAME
        return read_installation(path, check_id(model_id)) if path.exists() else None

    def find_reference(self, reference: str) -> Installation | None:
        """The installation that was made from *reference*, or None; damaged ones are passed over."""
        for model_id, entry in sorted(self.manifests()):
            with contextlib.suppress(ModelFilesInvalid):
                installation = read_installation(Path(entry.path), model_id)
                if installation.manifest.reference == reference:
                    return installation
        return None

    def files_directory(self, installation: Installation) -> Path:
        """Where the files of *installation* lie."""
        return Path(installation.in_place) if installation.in_place is not None else self.directory(installation.manifest.id)

    def check_place(self, model_id: str) -> None:
        """Raise ``ModelFilesInvalid`` where *model_id* would lie inside another model's directory, or around one."""
        for other, _ in self.manifests():
            if other.startswith(f"{model_id}/") or model_id.startswith(f"{other}/"):
                raise ModelFilesInvalid(
                    f"{model_id} cannot be installed beside {other}: one directory would lie inside the other; give another --name"
                )

    def write(self, installation: Installation) -> None:
        """Make *installation* known: from here on the model is installed."""
        path = self.directory(installation.manifest.id) / MANIFEST_NAME
        self.make(path.parent)
        replace_file(path, dump_installation(installation))

    def make(self, directory: Path) -> None:
        """Make *directory*; raises ``DataDirUnusable`` where that is not possible."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise DataDirUnusable(f"{directory} cannot be made ({reason}); set LLMLB_DATA_DIR to a writable place") from error

    def remove(self, model_id: str) -> Removed:
        """Forget *model_id* and delete what llmlb downloaded for it, and nothing else.

        Raises:
            ModelUnknown: It is not installed.
        """
        directory = self.directory(model_id)
        path = directory / MANIFEST_NAME
        if not path.exists():
            raise ModelUnknown(f"model {model_id!r} is not installed; what is: llmlb models list")
        try:
            installation: Installation | None = read_installation(path, check_id(model_id))
        except ModelFilesInvalid:
            installation = None  # which files are ours is not known any more: only the manifest goes
        freed = path.stat().st_size
        path.unlink()  # first, so that a removal cut short leaves no half model behind
        if installation is not None and installation.in_place is None:
            for file in installation.manifest.files:
                for target in (directory / file.name, directory / (file.name + PART_SUFFIX)):
                    with contextlib.suppress(FileNotFoundError):
                        freed += target.lstat().st_size
                        target.unlink()
                self._prune((directory / file.name).parent)
        self._prune(directory)
        kept = [Path(installation.in_place)] if installation is not None and installation.in_place is not None else []
        if directory.exists():
            kept += sorted(entry for entry in directory.iterdir() if not any(entry.rglob(MANIFEST_NAME)))
        return Removed(freed, tuple(kept))

    def _prune(self, directory: Path) -> None:
        """Delete *directory* and its parents up to the root, as long as they are empty."""
        while directory != self.root and self.root in directory.parents:
            try:
                directory.rmdir()
            except OSError:
                return
            directory = directory.parent


def replace_file(path: Path, data: bytes) -> None:
    """Write *data* to *path* so that every reader, also after a power cut, sees the old or the new text."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make renames in *directory* last; a no-op where directories cannot be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def damage(path: Path, file: ManifestFile, *, read: bool) -> str | None:
    """Say what is wrong with one installed file, or None.

    Args:
        path: The file.
        file: What the manifest says of it.
        read: Whether to read it and compare its hash, too.
    """
    try:
        size = path.stat().st_size
        if file.size_bytes is not None and size != file.size_bytes:
            return f"{path} has {size} bytes, expected {file.size_bytes}"
        if not read or file.sha256 is None:
            return None
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return f"{path} cannot be read ({error.strerror or error})"
    return None if digest == file.sha256 else f"{path} has the sha256 {digest}, expected {file.sha256}"
