"""An embedding request, answered by an engine."""

from __future__ import annotations

from llmlb_core.contracts.engine import Cancel, EmbeddingEngine
from llmlb_core.domain.chat import EmbeddingRequest
from llmlb_core.domain.results import Vectors
from llmlb_core.worker.generation.threads import in_thread


async def embed(engine: EmbeddingEngine, request: EmbeddingRequest, cancel: Cancel) -> Vectors:
    """Return one vector per input; the engine works in a thread of its own."""
    return await in_thread(lambda: engine.embed(request.inputs, request.dimensions, cancel), engine, cancel)
