"""``model_index.json``: which parts a pipeline has, and what lies in their folders. No heavy imports."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from attrs import frozen

from llmlb_core.errors import ModelFilesInvalid

NAME = "model_index.json"
PICKLED = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack", ".h5")
LIBRARIES = frozenset({"diffusers", "transformers"})
_MAX_BYTES = 1 << 20
_MAX_HEADER_BYTES = 16 << 20
_MAX_ENTRIES = 2000


@frozen
class Part:
    """One component of a pipeline.

    Attributes:
        name: Also its folder's.
        library: ``diffusers``, ``transformers``, or the name of a pipeline's own module.
        weights: Files of safetensors.
        pickled: Files of weights that would need pickle.
        code: Python files.
    """

    name: str
    library: str
    class_name: str
    weights: tuple[Path, ...] = ()
    pickled: tuple[Path, ...] = ()
    code: tuple[Path, ...] = ()

    @property
    def is_pickled(self) -> bool:
        """Whether its weights can be had by pickle only."""
        return bool(self.pickled) and not self.weights


@frozen
class Index:
    """A pipeline's directory.

    Attributes:
        class_name: Such as ``StableDiffusionPipeline``.
        code: What would run Python code that came with the model, in words; empty = nothing.
    """

    class_name: str
    parts: tuple[Part, ...]
    code: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """All weights."""
        return sum(path.stat().st_size for part in self.parts for path in part.weights)


def read_index(path: Path) -> Index:
    """Read the index at *path*, and list the folders beside it.

    Raises:
        ModelFilesInvalid: No such file, or damaged; says what was seen.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
        document = json.loads(text) if len(text) <= _MAX_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFilesInvalid(f"{path} cannot be read as JSON ({error}); expected a diffusers {NAME}") from error
    class_name = document.get("_class_name") if isinstance(document, dict) else None
    code: list[str] = []
    if isinstance(class_name, list) and class_name and all(isinstance(word, str) for word in class_name):
        code.append(f"its pipeline class {class_name[-1]} comes from {class_name[0]}")
        class_name = class_name[-1]
    if not isinstance(document, dict) or not isinstance(class_name, str) or not class_name:
        raise ModelFilesInvalid(f"{path} has no '_class_name'; expected a diffusers {NAME}, which names the pipeline's class")
    parts = tuple(_parts(path.parent, document))
    code += [f"{part.name} brings {part.code[0].name}" for part in parts if part.code]
    return Index(class_name, parts, tuple(code))


def _parts(directory: Path, document: dict[str, object]) -> Iterator[Part]:
    for name, value in document.items():
        if name.startswith("_") or not isinstance(value, list) or len(value) != 2:
            continue  # an argument of the pipeline, such as `requires_safety_checker`
        library, class_name = value
        if library is None or class_name is None:
            continue  # an optional part that this pipeline does not have
        if not (isinstance(library, str) and isinstance(class_name, str)) or name in {".", ".."} or set(name) & set("/\\"):
            raise ModelFilesInvalid(f"{directory / NAME} names a part {name!r} as {value!r}; expected its library and class")
        yield _part(directory / name, name, library, class_name)


def _part(folder: Path, name: str, library: str, class_name: str) -> Part:
    try:
        with os.scandir(folder) as entries:
            files = sorted(folder / entry.name for _, entry in zip(range(_MAX_ENTRIES), entries, strict=False) if entry.is_file())
    except OSError as error:
        raise ModelFilesInvalid(
            f"{folder} cannot be read ({error.strerror or error}); {NAME} says that the model's {name} lies there. Fetch it again."
        ) from error
    return Part(
        name,
        library,
        class_name,
        weights=tuple(path for path in files if path.suffix == ".safetensors"),
        pickled=tuple(path for path in files if path.suffix in PICKLED),
        code=tuple(path for path in files if path.suffix == ".py"),
    )


def tensor_facts(path: Path) -> tuple[int, str]:
    """Return how many numbers the safetensors file *path* holds, and the format of most of them, such as ``F16``.

    Raises:
        ModelFilesInvalid: It is no such file.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            # A length beyond the bound cuts the header, which is no JSON then.
            header = msgspec.json.decode(file.read(min(length, _MAX_HEADER_BYTES)), type=dict[str, dict[str, object]])
        count_by_type: dict[str, int] = {}
        for name, tensor in header.items():
            if name != "__metadata__":
                shape, kind = msgspec.convert((tensor["shape"], tensor["dtype"]), tuple[tuple[int, ...], str])
                size = 1
                for side in shape:
                    size *= side
                count_by_type[kind] = count_by_type.get(kind, 0) + size
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise ModelFilesInvalid(f"{path} is no safetensors file that can be read: {error}; fetch it again") from error
    return sum(count_by_type.values()), max(count_by_type, key=count_by_type.__getitem__, default="")
