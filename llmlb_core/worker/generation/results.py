"""``generate``: everything between an engine and the frames of a worker."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from llmlb_core.contracts.engine import Cancel, EmbeddingEngine, Engine, TextEngine
from llmlb_core.domain.chat import CanonicalRequest, ChatRequest, EmbeddingRequest
from llmlb_core.domain.models import LocalModel
from llmlb_core.domain.results import Delta, Vectors
from llmlb_core.errors import CapabilityMismatch, InvalidRequest
from llmlb_core.worker.generation.chat import plan_chat
from llmlb_core.worker.generation.choices import Choices
from llmlb_core.worker.generation.completion import plan_completion
from llmlb_core.worker.generation.embedding import embed
from llmlb_core.worker.generation.features import check_features
from llmlb_core.worker.generation.threads import in_thread


async def generate(
    engine: Engine, model: LocalModel, request: CanonicalRequest, cancel: Cancel
) -> AsyncGenerator[Delta | Vectors, None]:
    """Yield what *engine*, with *model* loaded, answers to *request*.

    A text request gives deltas, one with ``finish`` per choice, and at last one delta with the usage of the whole call; an
    embedding request gives one ``Vectors``. What is wrong with a request is raised before the first result.

    Setting *cancel*, closing the iterator or cancelling the task stops the engine; no engine code runs any more when the iterator
    has ended. A call stopped by *cancel* still yields its usage so far, marked partial.

    Raises:
        CapabilityMismatch: The engine cannot do such requests at all.
        UnsupportedParameter: It lacks a feature that the request needs.
        ContextLengthExceeded: A prompt does not fit.
        InvalidRequest: The chat template or the engine refuses the request.
        Exception: Whatever else engine code raised, unchanged.
    """
    if isinstance(request, EmbeddingRequest):
        if not isinstance(engine, EmbeddingEngine):
            raise CapabilityMismatch(
                f"The model {model.id!r} makes no embeddings: its engine {engine.name!r} generates text.", param="model"
            )
        check_features(engine, request)
        vectors = await embed(engine, request, cancel)
        if not cancel.is_set:
            yield vectors
        return
    if not isinstance(engine, TextEngine):
        raise CapabilityMismatch(f"The model {model.id!r} generates no text with its engine {engine.name!r}.", param="model")
    text_engine = engine
    check_features(text_engine, request)
    if isinstance(request, ChatRequest):
        chat = request
        plan = await in_thread(lambda: plan_chat(text_engine, model, chat), engine, cancel)
    else:
        completion = request
        plan = await in_thread(lambda: plan_completion(text_engine, completion), engine, cancel)
    if cancel.is_set:
        return
    async with aclosing(Choices(text_engine, plan, cancel).deltas()) as deltas:
        try:
            async for delta in deltas:
                yield delta
        except InvalidRequest as error:
            # An engine knows one schema; only here is known that it was made of the tools.
            if error.param == "response_format" and isinstance(request, ChatRequest) and request.response_format.type == "text":
                error.param = "tools"
            raise
