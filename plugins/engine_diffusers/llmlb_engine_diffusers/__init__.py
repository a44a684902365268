"""Draws pictures with diffusers pipelines, on the CPU or a GPU.

Importing this module is cheap; ``torch`` and ``diffusers`` are imported in the worker, when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import Engine, ModelFormat, ModelStore


@hookimpl
def llmlb_engines() -> Iterable[type[Engine]]:
    """Contribute the engine ``diffusers``."""
    from llmlb_engine_diffusers.engine import DiffusersEngine

    return [DiffusersEngine]


@hookimpl
def llmlb_models() -> Iterable[ModelStore | ModelFormat]:
    """Contribute the format ``diffusers``."""
    from llmlb_engine_diffusers.format import DiffusersFormat

    return [DiffusersFormat()]
