"""Runs GGUF models with llama.cpp, on the CPU or a GPU.

Importing this module is cheap; ``xllamacpp`` is imported in the worker, when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import Engine, ModelFormat, ModelStore


@hookimpl
def llmlb_engines() -> Iterable[type[Engine]]:
    """Contribute the engine ``llamacpp``."""
    from llmlb_engine_llamacpp.engine import LlamaCppEngine

    return [LlamaCppEngine]


@hookimpl
def llmlb_models() -> Iterable[ModelStore | ModelFormat]:
    """Contribute the format ``gguf``."""
    from llmlb_engine_llamacpp.format import GGUFFormat

    return [GGUFFormat()]
