"""An image request, answered by an engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from llmlb_core.contracts.engine import Cancel
from llmlb_core.contracts.media_engines import ImageEngine
from llmlb_core.domain.media import DrawingStep, ImageRequest, Picture
from llmlb_core.worker.generation.pieces import pieces


def draw(engine: ImageEngine, request: ImageRequest, cancel: Cancel) -> AsyncGenerator[DrawingStep | Picture, None]:
    """Yield the pictures, and the steps before each where they are wanted."""
    return pieces(engine, engine.draw, request, cancel)
