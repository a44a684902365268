"""A rerank request, answered by an engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from llmlb_core.contracts.engine import Cancel
from llmlb_core.contracts.media_engines import RerankEngine
from llmlb_core.domain.media import Ranking, RerankRequest
from llmlb_core.worker.generation.slots import slots_of
from llmlb_core.worker.generation.threads import in_thread


async def rerank(engine: RerankEngine, request: RerankRequest, cancel: Cancel) -> AsyncGenerator[Ranking, None]:
    """Yield the ranking of all documents; the engine works in a thread of its own."""
    async with slots_of(engine).hold(cancel):
        if cancel.is_set:
            return
        ranking = await in_thread(lambda: engine.rerank(request, cancel), engine, cancel)
    if not cancel.is_set:
        yield ranking
