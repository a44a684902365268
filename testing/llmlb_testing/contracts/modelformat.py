"""The kit for model formats."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmlb_core import Capability, ModelFacts, ModelFormat
from llmlb_core.errors import ModelFilesInvalid

HEADER_BYTES = 4096


class ModelFormatContract:
    """Rules of ``llmlb_core.ModelFormat``.

    Needs the fixtures ``model_format`` and ``good_file``: the path of a small file of the format. Damaged copies are made of it.
    """

    def test_its_suffixes_are_endings(self, model_format: ModelFormat) -> None:
        """A tuple of ``.gguf`` and the like; ``(".gguf")`` is a string, and matches every character."""
        assert isinstance(model_format.suffixes, tuple)
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in model_format.suffixes)

    def test_a_good_file_has_facts(self, model_format: ModelFormat, good_file: Path) -> None:
        """The format's own name, sizes that are sizes, and capabilities that are known."""
        facts = model_format.read_facts(good_file)

        assert isinstance(facts, ModelFacts)
        assert facts.format == model_format.name
        assert facts.size_bytes > 0
        assert facts.context_tokens is None or facts.context_tokens > 0
        assert set(facts.capabilities) <= set(Capability)

    def test_reading_changes_nothing(self, model_format: ModelFormat, good_file: Path) -> None:
        """The file is the user's; the facts are the same each time."""
        before = good_file.read_bytes()

        assert model_format.read_facts(good_file) == model_format.read_facts(good_file)
        assert good_file.read_bytes() == before

    def test_what_is_no_such_file_is_told(self, model_format: ModelFormat, tmp_path: Path) -> None:
        """``ModelFilesInvalid`` with what was seen, for anything that bears the ending."""
        suffix = model_format.suffixes[0]
        garbage = (
            b"",
            b"\0",
            b"\n",
            b"version https://git-lfs.github.com/spec/v1\n",
            b"<html></html>",
            bytes(4096),
            b"\xff" * 4096,
        )
        for number, data in enumerate((*garbage, random.Random(1).randbytes(65536))):  # noqa: S311  # noise, not a secret
            path = tmp_path / f"garbage-{number}{suffix}"
            path.write_bytes(data)
            with pytest.raises(ModelFilesInvalid) as caught:
                model_format.read_facts(path)
            assert caught.value.message.strip()

    def test_what_is_no_file_is_told(self, model_format: ModelFormat, tmp_path: Path) -> None:
        """A directory, or nothing, is ``ModelFilesInvalid`` too, not an ``OSError``."""
        suffix = model_format.suffixes[0]
        (tmp_path / f"directory{suffix}").mkdir()

        for name in ("directory", "missing"):
            with pytest.raises(ModelFilesInvalid):
                model_format.read_facts(tmp_path / f"{name}{suffix}")

    def test_a_damaged_file_is_told_or_read(self, model_format: ModelFormat, good_file: Path, tmp_path: Path) -> None:
        """Downloads break anywhere and disks flip bits: ``ModelFilesInvalid`` or facts, never another error or all the memory."""
        whole = good_file.read_bytes()
        path = tmp_path / f"damaged{model_format.suffixes[0]}"
        for data in _damaged(whole):
            path.write_bytes(data)
            try:
                facts = model_format.read_facts(path)
            except ModelFilesInvalid as error:
                assert error.message.strip()  # noqa: PT017  # it may be read as well
            else:
                assert isinstance(facts, ModelFacts)


def _damaged(whole: bytes) -> Iterator[bytes]:
    header = min(len(whole), HEADER_BYTES)
    for length in range(1, header, max(1, header // 64)):
        yield whole[:length]
    for place in range(0, header, max(1, header // 256)):
        for value in (0, 0x7F, 0xFF):
            yield whole[:place] + bytes([value]) + whole[place + 1 :]
            yield whole[:place] + bytes([value]) * 8 + whole[place + 8 :]
