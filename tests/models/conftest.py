"""Parts for the tests of models: a store over bytes, and a format that reads them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import define, evolve, field

from llmlb_core import Manifest, ManifestFile, ModelFacts, ModelFormat, ModelStore
from llmlb_core.errors import DownloadFailed, ModelFilesInvalid, ModelUnknown
from llmlb_core.models.adding import Adding
from llmlb_core.models.downloads import Patience
from llmlb_core.models.installed import InstalledModels

WEIGHTS = b"TOY!" + bytes(range(256)) * 40
QUICK = Patience(retry_waits_s=(0.0, 0.0), silence_s=5.0, lock_wait_s=20.0)


def file_of(name: str, content: bytes = WEIGHTS) -> ManifestFile:
    """A file as a store lists it."""
    return ManifestFile(name, len(content), hashlib.sha256(content).hexdigest())


def toy_manifest(model_id: str = "toy", **changes: object) -> Manifest:
    """A model of one file."""
    manifest = Manifest(
        id=model_id, reference=f"toys:{model_id}", revision="1", format="toy", main="toy.bin", files=(file_of("toy.bin"),)
    )
    return evolve(manifest, **changes)


@define
class ToyStore(ModelStore):
    """Serves bytes in pieces of 1000; may break after a number of them, as often as it is told.

    Attributes:
        offsets: Where each reading began.
    """

    scheme = "toys"
    content: bytes = WEIGHTS
    manifest: Manifest = field(factory=toy_manifest)
    breaks_after: list[int] = field(factory=list)
    place: Path | None = None
    offsets: list[int] = field(factory=list)
    released: list[str] = field(factory=list)
    on_piece: Callable[[int], None] | None = None

    async def resolve(self, reference: str, report: object = None) -> Manifest:
        if reference == "unknown":
            raise ModelUnknown("there is no such toy")
        return self.manifest

    async def read(self, manifest: Manifest, file: ManifestFile, offset: int = 0) -> AsyncIterator[bytes]:
        self.offsets.append(offset)
        limit = self.breaks_after.pop(0) if self.breaks_after else None
        for start in range(offset, len(self.content), 1000):
            if limit is not None and start - offset >= limit:
                raise DownloadFailed("the line was cut")
            yield self.content[start : start + 1000]
            if self.on_piece is not None:
                self.on_piece(start)

    def in_place(self, manifest: Manifest) -> Path | None:
        return self.place

    def release(self, manifest: Manifest) -> None:
        self.released.append(manifest.id)

    def bundles(self) -> dict[str, tuple[str, ...]]:
        return {"starter": ("toys:toy",)}


class ToyFormat(ModelFormat):
    """Knows a toy by its first four bytes."""

    name = "toy"
    suffixes = (".bin",)

    def read_facts(self, path: Path) -> ModelFacts:
        with path.open("rb") as stream:
            magic = stream.read(4)
        if magic == b"BUG!":
            raise ZeroDivisionError("a defect of this format")
        if magic != b"TOY!":
            raise ModelFilesInvalid(f"{path} begins with {magic!r}, expected b'TOY!'")
        return ModelFacts(format="toy", quantization="Q1", context_tokens=512, size_bytes=path.stat().st_size)


@pytest.fixture
def installed(tmp_path: Path) -> InstalledModels:
    """An empty models directory."""
    return InstalledModels(tmp_path / "models")


@pytest.fixture
def store() -> ToyStore:
    """A store with one model."""
    return ToyStore()


@pytest.fixture
def adding(installed: InstalledModels, store: ToyStore) -> Adding:
    """Installs from the store without waiting between retries."""
    return Adding(installed=installed, stores={"toys": store}, patience=QUICK)


@pytest.fixture
def toys() -> SimpleNamespace:
    """What the parts above are made of; test files cannot import this one."""
    return SimpleNamespace(
        weights=WEIGHTS, quick=QUICK, file_of=file_of, manifest=toy_manifest, Store=ToyStore, formats={"toy": ToyFormat()}
    )
