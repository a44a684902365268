"""The store of one model: the one that lies in this package. Nothing is fetched, and nothing copied."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from llmlb_core import BundleMember, Capability, Manifest, ManifestFile, ModelStore
from llmlb_core.errors import DownloadFailed, ModelUnknown
from llmlb_model_shapes.place import MODEL_ID, model_dir

REVISION = "v1"
_MAIN = "model_index.json"
_PIECE_BYTES = 1 << 18


class ShapesStore(ModelStore):
    """Knows ``shapes:v1``, and has it in place."""

    scheme = "shapes"

    async def resolve(self, reference: str, report: Callable[[int, int | None], None] | None = None) -> Manifest:
        """Return the files of the package, with their hashes."""
        del report
        if reference != REVISION:
            raise ModelUnknown(f"shapes:{reference} is not there; this version of llmlb-model-shapes has shapes:{REVISION} only")
        return Manifest(
            id=MODEL_ID,
            reference=f"shapes:{REVISION}",
            revision=REVISION,
            format="diffusers",
            main=_MAIN,
            files=await asyncio.to_thread(_files),
            license="MIT",
            capabilities=(Capability.IMAGE_GENERATION,),
        )

    async def read(self, manifest: Manifest, file: ManifestFile, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield the bytes of one file; llmlb itself uses the files in place."""
        del manifest
        path = model_dir() / file.name
        try:
            with await asyncio.to_thread(path.open, "rb") as stream:
                stream.seek(offset)
                while piece := await asyncio.to_thread(stream.read, _PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise DownloadFailed(
                f"{path} cannot be read ({error.strerror or error}); pip install --force-reinstall llmlb-model-shapes"
            ) from error

    def in_place(self, manifest: Manifest) -> Path:
        """The directory inside the package."""
        del manifest
        return model_dir()

    def bundles(self) -> Mapping[str, Sequence[str | BundleMember]]:
        """It is the model that draws of ``starter``."""
        member = BundleMember(
            reference=f"shapes:{REVISION}", what="pictures", format="diffusers", size_bytes=0, plugin="llmlb-engine-diffusers"
        )
        return {"starter": (member,)}


def _files() -> tuple[ManifestFile, ...]:
    """List every file, by path inside the model; raises ``ModelUnknown`` where the package has none."""
    directory = model_dir()
    if not (directory / _MAIN).is_file():
        raise ModelUnknown(f"{directory} has no {_MAIN}; pip install --force-reinstall llmlb-model-shapes")
    paths = sorted(path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return tuple(_listed(path, directory) for path in paths)


def _listed(path: Path, directory: Path) -> ManifestFile:
    data = path.read_bytes()
    return ManifestFile(path.relative_to(directory).as_posix(), len(data), hashlib.sha256(data).hexdigest())
