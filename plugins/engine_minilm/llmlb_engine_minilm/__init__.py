"""Makes embeddings and rankings with small BERT models in ONNX format, on the CPU.

Importing this module is cheap; ``onnxruntime`` and ``tokenizers`` are imported in the worker, when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import Engine, ModelFormat, ModelStore


@hookimpl
def llmlb_engines() -> Iterable[type[Engine]]:
    """Contribute the engine ``minilm``."""
    from llmlb_engine_minilm.engine import MiniLMEngine

    return [MiniLMEngine]


@hookimpl
def llmlb_models() -> Iterable[ModelStore | ModelFormat]:
    """Contribute the format ``onnx``."""
    from llmlb_engine_minilm.format import OnnxFormat

    return [OnnxFormat()]
