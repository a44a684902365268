"""A speech request, answered by an engine and encoded as the client wants it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator

from llmlb_core.contracts.engine import Cancel
from llmlb_core.contracts.media_engines import SpeechEngine
from llmlb_core.domain.media import AudioChunk, SpeechRequest
from llmlb_core.errors import InvalidRequest
from llmlb_core.worker.generation.pieces import pieces
from llmlb_core.worker.media.encoding import encoded


def speak(engine: SpeechEngine, request: SpeechRequest, cancel: Cancel) -> AsyncGenerator[AudioChunk, None]:
    """Yield the bytes of a sound file as they are made; speaking and encoding share a thread."""
    if engine.voices and request.voice not in engine.voices:
        raise InvalidRequest(
            f"This model has no voice {request.voice!r}; it has: {', '.join(engine.voices)}.", param="voice", code="invalid_voice"
        )

    def spoken(request: SpeechRequest, cancel: Cancel) -> Iterator[AudioChunk]:
        return encoded(engine.speak(request, cancel), request.format)

    return pieces(engine, spoken, request, cancel)
