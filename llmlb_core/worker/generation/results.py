"""``generate``: everything between an engine and the frames of a worker."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from llmlb_core.contracts.endpoint import Result
from llmlb_core.contracts.engine import Cancel, EmbeddingEngine, Engine, TextEngine
from llmlb_core.contracts.media_engines import ImageEngine, RerankEngine, SpeechEngine, TranscriptionEngine
from llmlb_core.domain.chat import ChatRequest, CompletionRequest, CountRequest, EmbeddingRequest
from llmlb_core.domain.media import ImageRequest, RerankRequest, SpeechRequest, TranscriptionRequest
from llmlb_core.domain.models import LocalModel
from llmlb_core.domain.requests import CanonicalRequest
from llmlb_core.domain.results import Delta
from llmlb_core.errors import CapabilityMismatch, InvalidRequest
from llmlb_core.worker.generation.chat import plan_chat
from llmlb_core.worker.generation.choices import Choices
from llmlb_core.worker.generation.completion import plan_completion
from llmlb_core.worker.generation.counting import count
from llmlb_core.worker.generation.drawing import draw
from llmlb_core.worker.generation.embedding import embed
from llmlb_core.worker.generation.features import check_features
from llmlb_core.worker.generation.ranking import rerank
from llmlb_core.worker.generation.speech import speak
from llmlb_core.worker.generation.threads import in_thread
from llmlb_core.worker.generation.transcription import transcribe


async def generate(engine: Engine, model: LocalModel, request: CanonicalRequest, cancel: Cancel) -> AsyncGenerator[Result, None]:
    """Yield what *engine*, with *model* loaded, answers to *request*.

    A text request gives deltas, one with ``finish`` per choice, and at last one delta with the usage of the whole call; a count
    gives the usage alone; an embedding request gives one ``Vectors``, a ranking one ``Ranking``; speech, transcripts and pictures
    come piece by piece. What is wrong with a request is raised before the first result.

    Setting *cancel*, closing the iterator or cancelling the task stops the engine; no engine code runs any more when the iterator
    has ended. A text call stopped by *cancel* still yields its usage so far, marked partial.

    Raises:
        CapabilityMismatch: The engine cannot do such requests at all.
        UnsupportedParameter: It lacks a feature that the request needs.
        ContextLengthExceeded: A prompt does not fit.
        InvalidRequest: The chat template or the engine refuses the request.
        Exception: Whatever else engine code raised, unchanged.
    """
    async with aclosing(_results(engine, model, request, cancel)) as results:
        async for result in results:
            yield result


_METHODS: tuple[tuple[type, type[Engine], Callable[..., AsyncGenerator[Result, None]], str], ...] = (
    (EmbeddingRequest, EmbeddingEngine, embed, "makes no embeddings"),
    (RerankRequest, RerankEngine, rerank, "ranks no documents"),
    (SpeechRequest, SpeechEngine, speak, "does not speak"),
    (TranscriptionRequest, TranscriptionEngine, transcribe, "writes no speech down"),
    (ImageRequest, ImageEngine, draw, "draws no pictures"),
)


def _results(engine: Engine, model: LocalModel, request: CanonicalRequest, cancel: Cancel) -> AsyncGenerator[Result, None]:
    """Return the results of what *request* asks for."""
    if isinstance(request, ChatRequest | CompletionRequest):
        if not isinstance(engine, TextEngine):
            raise _cannot(engine, model, "generates no text")
        return _text(engine, model, request, cancel)
    if isinstance(request, CountRequest):
        if not isinstance(engine, TextEngine):
            raise _cannot(engine, model, "has no prompts to be counted")
        return count(engine, model, request, cancel)
    for request_class, engine_class, method, cannot in _METHODS:
        if isinstance(request, request_class):
            if not isinstance(engine, engine_class):
                raise _cannot(engine, model, cannot)
            return method(engine, request, cancel)
    raise AssertionError(request)


def _cannot(engine: Engine, model: LocalModel, what: str) -> CapabilityMismatch:
    return CapabilityMismatch(f"The model {model.id!r} {what} with its engine {engine.name!r}.", param="model")


async def _text(
    engine: TextEngine, model: LocalModel, request: ChatRequest | CompletionRequest, cancel: Cancel
) -> AsyncGenerator[Delta, None]:
    check_features(engine, request)
    if isinstance(request, ChatRequest):
        chat = request
        plan = await in_thread(lambda: plan_chat(engine, model, chat), engine, cancel)
    else:
        completion = request
        plan = await in_thread(lambda: plan_completion(engine, completion), engine, cancel)
    if cancel.is_set:
        return
    async with aclosing(Choices(engine, plan, cancel).deltas()) as deltas:
        try:
            async for delta in deltas:
                yield delta
        except InvalidRequest as error:
            # An engine knows one schema; only here is known that it was made of the tools.
            if error.param == "response_format" and isinstance(request, ChatRequest) and request.response_format.type == "text":
                error.param = "tools"
            raise
