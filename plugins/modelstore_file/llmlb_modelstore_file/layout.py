"""What lies at a path: one GGUF file, a set of GGUF parts, a directory with safetensors, or a pipeline with its folders."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

from llmlb_core import model_id_of
from llmlb_core.errors import ModelFilesInvalid

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$", re.IGNORECASE)
_INDEX = "model.safetensors.index.json"
_COMPANIONS = (".json", ".safetensors", ".model", ".txt", ".jinja", ".tiktoken")
_PIPELINE = "model_index.json"
_MAX_FILES = 2000


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


def read_layout(path: Path) -> Layout:
    """Return what lies at *path*.

    Raises:
        ModelFilesInvalid: No model that can be told, or one that is damaged; says what was found.
        OSError: It cannot be read.
    """
    if path.is_dir():
        return _directory(path)
    if not path.is_file():
        raise ModelFilesInvalid(f"{path} is neither a file nor a directory")
    if path.suffix.lower() == ".safetensors":
        raise ModelFilesInvalid(f"{path} is only the weights; give the directory that also has config.json: file:{path.parent}")
    if path.suffix.lower() != ".gguf":
        raise ModelFilesInvalid(f"{path} is no model file that is known; expected a .gguf file, or a directory with config.json")
    return _gguf(path)


def _directory(path: Path) -> Layout:
    names = sorted(entry.name for entry in path.iterdir() if entry.is_file())
    if len(names) > _MAX_FILES:
        raise ModelFilesInvalid(f"{path} holds {len(names)} files, more than a model has; give the model's own directory")
    weights = [name for name in names if name.endswith(".safetensors")]
    if _PIPELINE in names:
        return _pipeline(path, names)
    if "config.json" in names and weights:
        return _safetensors(path, names, weights)
    ggufs = [name for name in names if name.lower().endswith(".gguf")]
    firsts = [name for name in ggufs if (shard := _SHARD.match(name)) is None or int(shard["number"]) == 1]
    if len(firsts) == 1:
        return _gguf(path / firsts[0])
    if ggufs:
        raise ModelFilesInvalid(
            f"{path} holds {len(ggufs)} models; name one: {', '.join(f'file:{path / name}' for name in ggufs[:4])}"
        )
    if weights:
        raise ModelFilesInvalid(f"{path} has safetensors and no config.json, which says what they are")
    raise ModelFilesInvalid(
        f"{path} holds no model; expected a .gguf file, or config.json (or model_index.json) with .safetensors files"
    )


def _safetensors(path: Path, names: list[str], weights: list[str]) -> Layout:
    if _INDEX in names:
        main = _INDEX
    elif "model.safetensors" in weights or len(weights) == 1:
        main = "model.safetensors" if "model.safetensors" in weights else weights[0]
    else:
        raise ModelFilesInvalid(f"{path} has {len(weights)} safetensors files and no {_INDEX}, which says how they belong together")
    files = tuple((name, (path / name).stat().st_size) for name in names if name.endswith(_COMPANIONS))
    return Layout(model_id_of(path.name), "safetensors", main, files)


def _pipeline(path: Path, names: list[str]) -> Layout:
    """List the pipeline's own files, and those of the folders of its parts, which have none below."""
    found = [name for name in names if name.endswith(_COMPANIONS)]
    for folder in sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        found += sorted(
            f"{folder.name}/{entry.name}" for entry in folder.iterdir() if entry.name.endswith(_COMPANIONS) and entry.is_file()
        )
        if len(found) > _MAX_FILES:
            raise ModelFilesInvalid(f"{path} holds more files than a model has; give the pipeline's own directory")
    if not any(name.endswith(".safetensors") for name in found):
        raise ModelFilesInvalid(f"{path} is a pipeline without .safetensors files; pickled weights are not read")
    files = tuple((name, (path / name).stat().st_size) for name in found)
    return Layout(model_id_of(path.name), "diffusers", _PIPELINE, files)


def _gguf(path: Path) -> Layout:
    """Check the first bytes, and gather the other parts where the model is split."""
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic != b"GGUF":
        raise ModelFilesInvalid(f"{path} begins with {magic!r}, expected b'GGUF'; is it a whole download, and not a pointer file?")
    names = [path.name]
    shard = _SHARD.match(path.name)
    if shard is not None:
        count = int(shard["count"])
        if count > _MAX_FILES:
            raise ModelFilesInvalid(f"{path} says that it has {count} parts")
        names = [f"{shard['stem']}-{number:05d}-of-{shard['count']}{path.suffix}" for number in range(1, count + 1)]
        missing = [name for name in names if not (path.parent / name).is_file()]
        if missing:
            raise ModelFilesInvalid(f"{path} is one of {count} parts, and {path.parent} lacks {', '.join(missing[:4])}")
    files = tuple((name, (path.parent / name).stat().st_size) for name in names)
    return Layout(model_id_of(path.name), "gguf", names[0], files)
