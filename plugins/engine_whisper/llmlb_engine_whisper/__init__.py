"""Writes speech down with Whisper models.

Importing this module is cheap; ``faster_whisper`` is imported in the worker, when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import Engine, ModelFormat, ModelStore


@hookimpl
def llmlb_engines() -> Iterable[type[Engine]]:
    """Contribute the engine ``whisper``."""
    from llmlb_engine_whisper.engine import WhisperEngine

    return [WhisperEngine]


@hookimpl
def llmlb_models() -> Iterable[ModelStore | ModelFormat]:
    """Contribute the format ``ctranslate2``."""
    from llmlb_engine_whisper.format import CTranslate2Format

    return [CTranslate2Format()]
