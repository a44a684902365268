"""Engines for sound, pictures and rankings. The worker harness decodes and encodes media and checks their limits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from attrs import field, frozen

from llmlb_core.contracts.engine import Cancel, Engine
from llmlb_core.domain.media import (
    DrawingStep,
    ImageRequest,
    Picture,
    PictureFailed,
    Ranking,
    RerankRequest,
    SpeechRequest,
    TranscriptFacts,
    TranscriptionRequest,
    TranscriptSegment,
)


@frozen
class Samples:
    """Sound of one channel, decoded.

    Attributes:
        data: ``float32``, little-endian, in [-1, 1].
        rate_hz: Samples a second.
    """

    data: bytes = field(repr=False)
    rate_hz: int

    @property
    def duration_s(self) -> float:
        """How long it sounds."""
        return len(self.data) / 4 / self.rate_hz


class SpeechEngine(Engine):
    """Speaks text.

    Attributes:
        voices: Names that ``SpeechRequest.voice`` may have; another is refused with these named.
    """

    voices: tuple[str, ...] = ()

    @abstractmethod
    def speak(self, request: SpeechRequest, cancel: Cancel) -> Iterator[Samples]:
        """Yield the sound of ``request.input`` as it is made, the first piece as soon as there is one; all at one rate.

        The harness encodes it as ``request.format`` says. Stop soon after ``cancel.is_set``.

        Raises:
            InvalidRequest: The voice cannot do that, with the ``param``.
        """


class TranscriptionEngine(Engine):
    """Writes speech down.

    Attributes:
        rate_hz: The rate it wants its sound in.
    """

    rate_hz: ClassVar[int] = 16_000

    @abstractmethod
    def transcribe(
        self, samples: Samples, request: TranscriptionRequest, cancel: Cancel
    ) -> Iterator[TranscriptSegment | TranscriptFacts]:
        """Yield what was said as it is found, in order of time, and the facts last; silence has no segments.

        Raises:
            InvalidRequest: A language it does not know, or another thing it cannot do, with the ``param``.
        """


class ImageEngine(Engine):
    """Draws pictures.

    Attributes:
        native_sizes: Width and height that the loaded model draws by itself; a request may name them beside the API's own.
    """

    native_sizes: tuple[tuple[int, int], ...] = ()

    @abstractmethod
    def draw(self, request: ImageRequest, cancel: Cancel) -> Iterator[DrawingStep | Picture | PictureFailed]:
        """Yield ``request.n`` pictures in order, and steps before each where ``request.wants_steps``.

        The harness has looked at the heads of ``request.image`` and ``request.mask``: format, size, and that both have one size.
        A picture has exactly the size asked for, however the model draws. The same seed gives the same picture. Where one picture
        of several cannot be drawn, yield ``PictureFailed`` for it and go on. Stop soon after ``cancel.is_set``: between steps.

        Raises:
            InvalidRequest: A size, image or task that this model cannot do, with the ``param``.
        """


class RerankEngine(Engine):
    """Says how well documents answer a query."""

    @abstractmethod
    def rerank(self, request: RerankRequest, cancel: Cancel) -> Ranking:
        """Return a score for every document, in the order of the request, whatever ``top_n`` is.

        Raises:
            ContextLengthExceeded: Query and document are longer than the model reads.
        """
