"""A transcription request: the upload is decoded, then an engine writes down what was said."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator

from llmlb_core.contracts.engine import Cancel
from llmlb_core.contracts.media_engines import TranscriptionEngine
from llmlb_core.domain.media import TranscriptFacts, TranscriptionRequest, TranscriptSegment
from llmlb_core.worker.generation.pieces import pieces
from llmlb_core.worker.media.decoding import decoded


def transcribe(
    engine: TranscriptionEngine, request: TranscriptionRequest, cancel: Cancel
) -> AsyncGenerator[TranscriptSegment | TranscriptFacts, None]:
    """Yield what was said, and the facts last; decoding and recognition share a thread."""

    def written(request: TranscriptionRequest, cancel: Cancel) -> Iterator[TranscriptSegment | TranscriptFacts]:
        return engine.transcribe(decoded(request.audio, engine.rate_hz, cancel), request, cancel)

    return pieces(engine, written, request, cancel)
