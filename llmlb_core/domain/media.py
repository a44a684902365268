"""Canonical requests for sound, pictures and rankings, and what engines answer to them.

Field names follow OpenAI's API reference where it has a word; ranges are checked by the dialect that reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import field, frozen

from llmlb_core.domain.results import Usage

AudioFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


@frozen
class Blob:
    """Bytes that a client uploaded: here, or in a file that lies there as long as the call does."""

    data: bytes = field(default=b"", repr=False)
    path: str | None = None

    @property
    def size_bytes(self) -> int:
        """How many bytes these are."""
        return len(self.data) if self.path is None else Path(self.path).stat().st_size

    def read(self) -> bytes:
        """Return all of it; reads the file, so it belongs in a thread."""
        return self.data if self.path is None else Path(self.path).read_bytes()


@frozen(kw_only=True)
class SpeechRequest:
    """Text to be spoken.

    Attributes:
        voice: As the client named it; the engine says which it has.
        speed: 1.0 is the voice's own; in [0.25, 4].
        instructions: How to speak, in words.
        tone: Extension (26006000-F15), as the engine understands it.
        pitch: Extension; semitones up or down.
    """

    input: str
    voice: str
    format: AudioFormat = "mp3"
    speed: float = 1.0
    instructions: str | None = None
    tone: str | None = None
    pitch: float | None = None


@frozen(kw_only=True)
class TranscriptionRequest:
    """Sound to be written down.

    Attributes:
        audio: The file as it was uploaded; any container that can be decoded.
        filename: As the client named it; for messages only.
        is_translation: Write it down in English, whatever was spoken.
        language: ISO 639-1; None = find out.
        prompt: Text that may have gone before, for names and style.
        temperature: In [0, 1]; 0 = greedy, with the engine's fall-backs.
        has_words: Whether words get times of their own.
        has_vad: Whether silence is cut out first.
    """

    audio: Blob
    filename: str = ""
    is_translation: bool = False
    language: str | None = None
    prompt: str | None = None
    temperature: float = 0.0
    has_words: bool = False
    has_vad: bool = False


@frozen(kw_only=True)
class ImageRequest:
    """Pictures to be drawn.

    Attributes:
        task: ``generate`` from the prompt alone; ``edit`` of ``image``, within ``mask`` where there is one; ``vary`` ``image``.
        width: Pixels; likewise ``height``. None = as the model draws by itself, or as ``image`` is shaped.
        steps: How often the picture is refined; None = the model's own.
        guidance: How closely the prompt is followed; None = the model's own.
        seed: Picture *i* is drawn with ``seed + i``; None = by chance.
        image: PNG, JPEG or WebP.
        mask: PNG; where it is transparent the picture may change.
        wants_steps: Whether anybody listens to ``DrawingStep``.
        previews: How many of the steps of each picture should bring a ``preview``.
    """

    task: Literal["generate", "edit", "vary"] = "generate"
    prompt: str = ""
    negative_prompt: str | None = None
    n: int = 1
    width: int | None = 1024
    height: int | None = 1024
    steps: int | None = None
    guidance: float | None = None
    seed: int | None = None
    quality: Literal["standard", "hd"] = "standard"
    style: Literal["vivid", "natural"] = "vivid"
    image: Blob | None = None
    mask: Blob | None = None
    wants_steps: bool = False
    previews: int = 0


@frozen(kw_only=True)
class RerankRequest:
    """Documents to be put in the order in which they answer a query.

    Attributes:
        top_n: How many are wanted; None = all.
    """

    query: str
    documents: tuple[str, ...]
    top_n: int | None = None


MediaRequest = SpeechRequest | TranscriptionRequest | ImageRequest | RerankRequest


@frozen
class MediaResult:
    """What all results of this page have."""

    @property
    def usage(self) -> Usage | None:
        """Tokens, where the model counts in them."""
        return None

    @property
    def has_content(self) -> bool:
        """Whether a client could notice it; the first such one commits a stream."""
        return True


@frozen
class AudioChunk(MediaResult):
    """The next bytes of a sound file, encoded as the request said."""

    data: bytes = field(repr=False)


@frozen
class Word:
    """A spoken word; times in seconds from the beginning of the sound."""

    word: str
    start_s: float
    end_s: float
    probability: float = 1.0


@frozen
class TranscriptSegment(MediaResult):
    """The next thing that was said, a sentence or so; times in seconds from the beginning of the sound.

    Attributes:
        avg_logprob: Mean natural-log probability of its tokens.
        no_speech_probability: How likely it is that nobody spoke.
    """

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()
    tokens: tuple[int, ...] = ()
    temperature: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 1.0
    no_speech_probability: float = 0.0


@frozen
class TranscriptFacts(MediaResult):
    """What is known of a whole recording; the last result of a transcription.

    Attributes:
        language: ISO 639-1, as told or as found.
        duration_s: Of the sound, silence included.
    """

    language: str
    duration_s: float

    @property
    def has_content(self) -> bool:
        """Nobody notices it before the end."""
        return False


@frozen
class DrawingStep(MediaResult):
    """Progress: step *step* of *count* of picture *index*, steps from 1.

    Attributes:
        preview: The picture as far as it is: a PNG file, or nothing.
    """

    index: int
    step: int
    count: int
    preview: bytes = field(default=b"", repr=False)


@frozen
class Picture(MediaResult):
    """A finished picture: a PNG file.

    Attributes:
        tokens: How many the prompt has, of the whole call; 0 where the model does not count in them.
    """

    index: int
    png: bytes = field(repr=False)
    width: int
    height: int
    seed: int
    tokens: int = 0

    @property
    def usage(self) -> Usage | None:
        """Tokens read."""
        return Usage(prompt_tokens=self.tokens) if self.tokens else None


@frozen
class PictureFailed(MediaResult):
    """One of several pictures could not be drawn; the others are answered.

    Attributes:
        reason: A sentence that a client may read.
    """

    index: int
    reason: str

    @property
    def has_content(self) -> bool:
        """It is told only where another picture is."""
        return False


@frozen
class Ranking(MediaResult):
    """Relevance of every document in the order of the request: higher is better, in [0, 1]."""

    scores: tuple[float, ...]
    tokens: int = 0

    @property
    def usage(self) -> Usage:
        """Tokens read."""
        return Usage(prompt_tokens=self.tokens)
