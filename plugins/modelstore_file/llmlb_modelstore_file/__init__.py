"""Uses model files that lie on this machine (`file:`): a GGUF file, or a directory with safetensors. Nothing is copied."""

from __future__ import annotations

from collections.abc import Iterable

from llmlb_core import ModelFormat, ModelStore, hookimpl


@hookimpl
def llmlb_models() -> Iterable[ModelStore | ModelFormat]:
    """Contribute the store of scheme ``file``."""
    from llmlb_modelstore_file.store import FileStore

    return (FileStore(),)
