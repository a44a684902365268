"""The engine ``whisper``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from llmlb_core import (
    Cancel,
    Capability,
    Device,
    Fit,
    LocalModel,
    ModelFacts,
    Placement,
    Samples,
    TranscriptFacts,
    TranscriptionEngine,
    TranscriptionRequest,
    TranscriptSegment,
    Unfit,
    Word,
)
from llmlb_core.errors import EngineFailed, InvalidRequest, ModelFilesInvalid, ModelTooLarge
from llmlb_engine_whisper.options import WhisperOptions

FALLBACK_TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
SILENCE = 1e-4
"""The loudest sample of a recording in which nobody spoke: 80 dB below the loudest there can be."""
MAX_CONCURRENCY = 4
_OVERHEAD_BYTES = 150 * 1024 * 1024


class WhisperEngine(TranscriptionEngine):
    """Runs Whisper models in CTranslate2's format with faster-whisper."""

    name: ClassVar[str] = "whisper"
    formats: ClassVar[tuple[str, ...]] = ("ctranslate2",)
    options_class: ClassVar[type | None] = WhisperOptions

    def __init__(self) -> None:
        """Hold nothing until ``load``."""
        self._model: Any = None
        self._options = WhisperOptions()

    @classmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit | Unfit:
        """Say whether it is a Whisper model."""
        if facts.format != "ctranslate2":
            return Unfit(f"This engine reads CTranslate2 folders, and this model's format is {facts.format or 'not known'}.")
        if Capability.SPEECH_TO_TEXT not in facts.capabilities:
            return Unfit("The folder holds no Whisper model: its config.json says nothing of one.")
        where = "CUDA" if any(device.kind == "cuda" for device in devices) else "the CPU"
        return Fit(0.8, 2 * facts.size_bytes + _OVERHEAD_BYTES, f"faster-whisper runs it on {where}.")

    def load(self, model: LocalModel, placement: Placement, options: object) -> None:
        """Load the folder; nothing is fetched.

        Raises:
            ModelFilesInvalid: A file is missing or damaged.
            ModelTooLarge: It does not fit into memory.
        """
        path = model.path
        if path is None:
            raise ModelFilesInvalid(f"Model {model.id!r} has no files; this engine needs a folder in CTranslate2 format.")
        folder = path.parent
        for name in (path.name, "config.json", "tokenizer.json"):
            if not (folder / name).is_file():
                raise ModelFilesInvalid(f"{folder.name} lacks {name}; fetch the whole folder of the model again.")
        self._options = options if isinstance(options, WhisperOptions) else WhisperOptions()
        from faster_whisper import WhisperModel

        index = placement.devices[0].rpartition(":")[2] if placement.devices else ""
        has_cuda = any(device.startswith("cuda") for device in placement.devices)
        compute_type = self._options.compute_type
        if compute_type == "default":
            compute_type = "float16" if has_cuda else "int8"
        self.max_concurrency = placement.parallel_count or MAX_CONCURRENCY
        try:
            self._model = WhisperModel(
                str(folder),
                device="cuda" if has_cuda else "cpu",
                device_index=int(index) if index.isdigit() else 0,
                compute_type=compute_type,
                cpu_threads=placement.threads,
                num_workers=self.max_concurrency,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            if "memory" in str(error).lower():
                raise ModelTooLarge(f"{folder.name} does not fit into memory: {error}") from error
            raise ModelFilesInvalid(f"{folder.name} cannot be loaded: {error}") from error

    def unload(self) -> None:
        """Free the model."""
        self._model = None

    def transcribe(
        self, samples: Samples, request: TranscriptionRequest, cancel: Cancel
    ) -> Iterator[TranscriptSegment | TranscriptFacts]:
        """Yield segments as they are recognised, a window of 30 s at a time."""
        import numpy as np

        if self._model is None:
            raise EngineFailed("No model is loaded.")
        self._check_language(request.language)
        sound = np.frombuffer(samples.data, dtype="<f4")
        if np.abs(sound).max(initial=0.0) < SILENCE:
            yield TranscriptFacts(request.language or "en", samples.duration_s)
            return
        segments, info = self._model.transcribe(
            sound,
            language=request.language if self._model.model.is_multilingual else "en",
            task="translate" if request.is_translation and self._model.model.is_multilingual else "transcribe",
            beam_size=self._options.beam_size,
            temperature=request.temperature or list(FALLBACK_TEMPERATURES),
            initial_prompt=request.prompt,
            word_timestamps=request.has_words,
            vad_filter=request.has_vad or self._options.vad,
        )
        for segment in segments:
            if cancel.is_set:
                return
            yield _segment(segment)
        yield TranscriptFacts(info.language, samples.duration_s)

    def _check_language(self, language: str | None) -> None:
        if language is None or language in self._model.supported_languages:
            return
        known = self._model.supported_languages
        shown = ", ".join(known[:12]) + (" and others" if len(known) > 12 else "")
        raise InvalidRequest(
            f"This model does not know the language {language[:32]!r}; it knows {shown}, as ISO 639-1.",
            param="language",
            code="unsupported_language",
        )


def _segment(segment: Any) -> TranscriptSegment:
    """Return *segment* in plain numbers; where words have times, the library's are numpy's."""
    return TranscriptSegment(
        start_s=float(segment.start),
        end_s=float(segment.end),
        text=segment.text,
        words=tuple(Word(each.word, float(each.start), float(each.end), float(each.probability)) for each in segment.words or ()),
        tokens=tuple(segment.tokens),
        temperature=float(segment.temperature or 0.0),
        avg_logprob=float(segment.avg_logprob),
        compression_ratio=float(segment.compression_ratio),
        no_speech_probability=float(segment.no_speech_prob),
    )
