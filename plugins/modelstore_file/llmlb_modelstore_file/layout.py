"""What lies at a path: one GGUF file, a set of GGUF parts, a directory with safetensors, or what ``folders`` knows."""

from __future__ import annotations

import re
from pathlib import Path

from llmlb_core import model_id_of
from llmlb_core.errors import ModelFilesInvalid
from llmlb_modelstore_file.folders import marked_folder, onnx
from llmlb_modelstore_file.found import MAX_FILES, Layout, belongs, sized

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$", re.IGNORECASE)
_PROJECTOR = "mmproj"
"""How the files are called that let a model see; they belong to the model beside them."""
_INDEX = "model.safetensors.index.json"


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
    if path.suffix.lower() == ".onnx":
        return onnx(path)
    if path.suffix.lower() != ".gguf":
        raise ModelFilesInvalid(
            f"{path} is no model file that is known; expected a .gguf or .onnx file, or a directory with config.json"
        )
    return _gguf(path)


def _directory(path: Path) -> Layout:
    names = sorted(entry.name for entry in path.iterdir() if entry.is_file())
    if len(names) > MAX_FILES:
        raise ModelFilesInvalid(f"{path} holds {len(names)} files, more than a model has; give the model's own directory")
    marked = marked_folder(path, names)
    if marked is not None:
        return marked
    weights = [name for name in names if name.endswith(".safetensors")]
    if "config.json" in names and weights:
        return _safetensors(path, names, weights)
    ggufs = [name for name in names if name.lower().endswith(".gguf")]
    ggufs = [name for name in ggufs if not name.startswith(_PROJECTOR)] or ggufs
    firsts = [name for name in ggufs if (shard := _SHARD.match(name)) is None or int(shard["number"]) == 1]
    if len(firsts) == 1:
        return _gguf(path / firsts[0])
    if ggufs:
        raise ModelFilesInvalid(
            f"{path} holds {len(ggufs)} models; name one: {', '.join(f'file:{path / name}' for name in ggufs[:4])}"
        )
    if weights:
        raise ModelFilesInvalid(f"{path} has safetensors and no config.json, which says what they are")
    raise ModelFilesInvalid(f"{path} holds no model; expected a .gguf file, or config.json with .safetensors files")


def _safetensors(path: Path, names: list[str], weights: list[str]) -> Layout:
    if _INDEX in names:
        main = _INDEX
    elif "model.safetensors" in weights or len(weights) == 1:
        main = "model.safetensors" if "model.safetensors" in weights else weights[0]
    else:
        raise ModelFilesInvalid(f"{path} has {len(weights)} safetensors files and no {_INDEX}, which says how they belong together")
    files = sized(path, [name for name in names if belongs(name)])
    return Layout(model_id_of(path.name), "safetensors", main, files)


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
        if count > MAX_FILES:
            raise ModelFilesInvalid(f"{path} says that it has {count} parts")
        names = [f"{shard['stem']}-{number:05d}-of-{shard['count']}{path.suffix}" for number in range(1, count + 1)]
        missing = [name for name in names if not (path.parent / name).is_file()]
        if missing:
            raise ModelFilesInvalid(f"{path} is one of {count} parts, and {path.parent} lacks {', '.join(missing[:4])}")
    names += _projectors(path, names)
    return Layout(model_id_of(path.name), "gguf", names[0], sized(path.parent, names))


def _projectors(path: Path, own: list[str]) -> list[str]:
    """Return the projector files beside the model at *path*; none where another model lies there, whose they may be."""
    beside = sorted(each.name for each in path.parent.glob("*.gguf") if each.name not in own)
    return beside if all(name.startswith(_PROJECTOR) for name in beside) else []
