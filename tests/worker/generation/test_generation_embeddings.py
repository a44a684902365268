from __future__ import annotations

import asyncio
import threading

import pytest

from llmlb_core import Cancel, EmbeddingRequest, Usage
from llmlb_core.errors import CapabilityMismatch, EngineFailed
from llmlb_core.worker.generation import generate


async def test_vectors_come_as_the_engine_made_them(ask, embedder):
    """One row per input, worked out in a thread of its own."""
    answers = await ask(embedder, EmbeddingRequest(inputs=("one", "three words here")))

    assert (2, 2, Usage(prompt_tokens=4)) == (answers.vectors.count, answers.vectors.dimension, answers.vectors.usage)
    assert threading.main_thread() is not embedder.thread


async def test_text_engine_makes_no_embeddings(ask, sync_engine):
    """The client is told what the model is."""
    with pytest.raises(CapabilityMismatch, match="makes no embeddings"):
        await ask(sync_engine(lambda _request: ["x"]), EmbeddingRequest(inputs=("a",)))


async def test_error_of_an_embedding_engine_is_passed_on(ask, embedder):
    """Whatever it raises, also what a thread cannot hand over as it is."""
    embedder.error = StopIteration("odd")

    with pytest.raises(EngineFailed, match="StopIteration"):
        await ask(embedder, EmbeddingRequest(inputs=("a",)))


async def test_cancelled_embedding_ends_without_a_result(model, embedder):
    """The engine is told, and what it made nobody gets."""
    embedder.waits = True
    cancel = Cancel()
    call = asyncio.create_task(anext(generate(embedder, model, EmbeddingRequest(inputs=("a",)), cancel), None))

    async with asyncio.timeout(20):
        await asyncio.to_thread(embedder.waiting.wait, 20)
        cancel.set()
        result = await call

    assert result is None
