"""A text-to-image model of 6 MB as a package: a diffusers pipeline directory, and the model store that installs it in place."""

from __future__ import annotations

from collections.abc import Iterable

from llmlb_core import ModelFormat, ModelStore, hookimpl
from llmlb_model_shapes.place import MODEL_ID, model_dir

__all__ = ["MODEL_ID", "llmlb_models", "model_dir"]


@hookimpl
def llmlb_models() -> Iterable[ModelStore | ModelFormat]:
    """Contribute the store of scheme ``shapes``."""
    from llmlb_model_shapes.store import ShapesStore

    return (ShapesStore(),)
