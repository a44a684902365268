"""An embedding request, answered by an engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from llmlb_core.contracts.engine import Cancel, EmbeddingEngine
from llmlb_core.domain.chat import EmbeddingRequest
from llmlb_core.domain.results import Vectors
from llmlb_core.worker.generation.features import check_features
from llmlb_core.worker.generation.threads import in_thread


async def embed(engine: EmbeddingEngine, request: EmbeddingRequest, cancel: Cancel) -> AsyncGenerator[Vectors, None]:
    """Yield one vector per input, all at once; the engine works in a thread of its own."""
    check_features(engine, request)
    vectors = await in_thread(lambda: engine.embed(request.inputs, request.dimensions, cancel), engine, cancel)
    if not cancel.is_set:
        yield vectors
