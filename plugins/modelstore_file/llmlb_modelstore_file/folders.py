"""Models that are told by a file in their folder: pipelines of diffusers, models of CTranslate2, ONNX files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llmlb_core import model_id_of
from llmlb_core.errors import ModelFilesInvalid
from llmlb_modelstore_file.found import MAX_FILES, Layout, belongs, sized

_PIPELINE = "model_index.json"
_TRANSLATOR = "model.bin"
_ONNX = ".onnx"


def marked_folder(path: Path, names: Sequence[str]) -> Layout | None:
    """Return what lies in the folder at *path*, whose files are *names*; None where no mark says it.

    Raises:
        ModelFilesInvalid: Several ONNX models, or more files than a model has.
    """
    if _PIPELINE in names:
        return Layout(model_id_of(path.name), "diffusers", _PIPELINE, sized(path, _below(path)))
    if {_TRANSLATOR, "config.json"} <= set(names) and any(name.startswith("vocabulary.") for name in names):
        files = [_TRANSLATOR, *(name for name in names if belongs(name))]
        return Layout(model_id_of(path.name), "ctranslate2", _TRANSLATOR, sized(path, files))
    models = [name for name in names if name.lower().endswith(_ONNX)]
    if len(models) > 1:
        raise ModelFilesInvalid(
            f"{path} holds {len(models)} ONNX models; name one: {', '.join(f'file:{path / name}' for name in models[:4])}"
        )
    return onnx(path / models[0]) if models else None


def onnx(path: Path) -> Layout:
    """Return the ONNX model at *path* with what lies beside it: its vocabulary and settings."""
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    if len(names) > MAX_FILES:
        raise ModelFilesInvalid(
            f"{path.parent} holds {len(names)} files, more than a model has; give the model a directory of its own"
        )
    beside = [name for name in names if belongs(name)]
    model_id = model_id_of(path.parent.name if path.stem.lower() == "model" else path.name.removesuffix(path.suffix))
    return Layout(model_id, "onnx", path.name, sized(path.parent, [path.name, *beside]))


def _below(path: Path) -> list[str]:
    """The files of a pipeline and of its parts, one folder down; weights in other formats than safetensors are left out."""
    found = [file for pattern in ("*", "*/*") for file in path.glob(pattern) if belongs(file.name) and file.is_file()]
    if len(found) > MAX_FILES:
        raise ModelFilesInvalid(f"{path} holds {len(found)} files, more than a pipeline has; give the model's own directory")
    if not any(file.suffix == ".safetensors" for file in found):
        raise ModelFilesInvalid(f"{path} is a pipeline without .safetensors files; pickled weights are not read")
    return sorted(file.relative_to(path).as_posix() for file in found)
