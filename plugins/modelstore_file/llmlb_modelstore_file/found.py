"""What was found at a path."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

_COMPANIONS = (".json", ".safetensors", ".model", ".txt", ".jinja", ".tiktoken")
_OTHERS = ("manifest.json",)  # llmlb's own file, where somebody points at a model that llmlb installed
MAX_FILES = 2000


@frozen
class Layout:
    """A model's files.

    Attributes:
        files: Name inside the directory, and size in bytes.
    """

    model_id: str
    format: str
    main: str
    files: tuple[tuple[str, int], ...]


def sized(directory: Path, names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Return *names* with the sizes that these files of *directory* have."""
    return tuple((name, (directory / name).stat().st_size) for name in names)


def belongs(name: str) -> bool:
    """Say whether a file of this name, in a model's folder, is a part of the model."""
    return name.endswith(_COMPANIONS) and not name.startswith(".") and name not in _OTHERS
