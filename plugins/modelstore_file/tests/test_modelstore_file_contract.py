"""The store of paths and its plugin keep the contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from llmlb_modelstore_file.store import FileStore
from llmlb_testing.contracts import ModelStoreContract, PluginContract


class TestFileStore(ModelStoreContract):
    """A GGUF file at a path."""

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStore:
        """The store, asked in an empty directory."""
        empty = tmp_path / "empty"
        empty.mkdir()
        monkeypatch.chdir(empty)
        return FileStore()

    @pytest.fixture
    def reference(self, tmp_path: Path) -> str:
        """The path of a file of over 1 MiB."""
        path = tmp_path / "Tiny-1M.Q4_0.gguf"
        path.write_bytes(b"GGUF" + bytes(range(256)) * 6000)
        return str(path)


class TestFileStorePlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "modelstore_file"
