"""Speaks English with hibari's small voices, on the CPU.

Importing this module is cheap; ``hibari``, ``onnxruntime`` and ``numpy`` are imported in the worker, when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import Engine, ModelFormat, ModelStore


@hookimpl
def llmlb_engines() -> Iterable[type[Engine]]:
    """Contribute the engine ``hibari``."""
    from llmlb_engine_hibari.engine import HibariEngine

    return [HibariEngine]


@hookimpl
def llmlb_models() -> Iterable[ModelStore | ModelFormat]:
    """Contribute the format ``hibari``."""
    from llmlb_engine_hibari.format import HibariFormat

    return [HibariFormat()]
