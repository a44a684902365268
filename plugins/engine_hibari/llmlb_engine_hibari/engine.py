"""The engine ``hibari``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from llmlb_core import Cancel, Device, Fit, LocalModel, ModelFacts, Placement, Samples, SpeechEngine, SpeechRequest, Unfit
from llmlb_core.errors import EngineFailed, InvalidRequest, ModelFilesInvalid, UnsupportedParameter
from llmlb_engine_hibari.options import HibariOptions
from llmlb_engine_hibari.scripts import check_script
from llmlb_engine_hibari.tempo import split_speed, stretched

OPENAI_VOICES = ("alloy", "echo", "fable", "onyx", "nova", "shimmer")
OWN_VOICE = "heart"
MEMORY_BYTES = 150 * 1024 * 1024
MAX_CONCURRENCY = 4
SEED = 0
"""Of the noise in breaths and consonants: the same text sounds the same every time."""


class HibariEngine(SpeechEngine):
    """Speaks English, sentence by sentence. One voice comes with hibari; all of OpenAI's names mean it, unless options say more."""

    name: ClassVar[str] = "hibari"
    formats: ClassVar[tuple[str, ...]] = ("hibari",)
    options_class: ClassVar[type | None] = HibariOptions

    def __init__(self) -> None:
        """Hold nothing until ``load``."""
        self._voices: dict[str, Any] = {}

    @classmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit | Unfit:
        """Say whether it is one of hibari's voices."""
        del devices
        if facts.format != "hibari":
            return Unfit(f"This engine speaks with hibari's voices, and this model's format is {facts.format or 'not known'}.")
        return Fit(0.8, MEMORY_BYTES, "hibari speaks on the CPU.")

    def load(self, model: LocalModel, placement: Placement, options: object) -> None:
        """Load the voice, and those of the options.

        Raises:
            ModelFilesInvalid: A file is missing, or no voice.
        """
        path = model.path
        if path is None:
            raise ModelFilesInvalid(f"Model {model.id!r} has no file; add one of hibari's voices: pypi:hibari-tts.")
        own = _read(path, OWN_VOICE, placement.threads)
        self._voices = dict.fromkeys((*OPENAI_VOICES, OWN_VOICE), own)
        chosen = options if isinstance(options, HibariOptions) else HibariOptions()
        read: dict[str, Any] = {}
        for name, file in chosen.voices.items():
            if file not in read:
                read[file] = _read(path.parent / Path(file).name, _voice_of(file), placement.threads)
            self._voices[name] = read[file]
        self.voices = tuple(self._voices)
        self.max_concurrency = placement.parallel_count or MAX_CONCURRENCY

    def unload(self) -> None:
        """Free the voices."""
        self._voices = {}

    def speak(self, request: SpeechRequest, cancel: Cancel) -> Iterator[Samples]:
        """Yield a sentence at a time."""
        voice = self._voices.get(request.voice)
        if voice is None:
            raise EngineFailed(f"The voice {request.voice!r} is not loaded.")
        for name in ("instructions", "tone", "pitch"):
            if getattr(request, name) is not None:
                raise UnsupportedParameter(f"This voice speaks as it was trained; it has no {name}. Leave it out.", param=name)
        check_script(request.input)
        own, rest = split_speed(request.speed)
        is_silent = True
        for sound in voice.stream(request.input, own, SEED):
            if cancel.is_set:
                return
            if rest != 1:
                sound = stretched(sound, voice.sample_rate, rest)  # noqa: PLW2901  # the same sentence
            if sound.size:
                is_silent = False
                yield Samples(sound.astype("<f4").tobytes(), voice.sample_rate)
        if is_silent:
            raise InvalidRequest("There is nothing in this text that can be spoken.", param="input", code="empty_input")


def _voice_of(file: str) -> str:
    """Return hibari's own name of a voice file, which says how its English is pronounced."""
    from hibari.voices import VOICES

    return next((name for name, facts in VOICES.items() if facts["file"] == Path(file).name), OWN_VOICE)


def _read(path: Path, name: str, threads: int) -> Any:
    from hibari import Hibari

    if not path.is_file():
        raise ModelFilesInvalid(f"There is no voice file {path.name!r} beside the model.")
    try:
        voice = Hibari(voice=name, model=str(path), threads=threads)
        next(voice.stream("Hello.", 1.0, SEED))  # reads the dictionaries now, not in the first call
    except (RuntimeError, ValueError, KeyError, OSError, StopIteration) as error:
        raise ModelFilesInvalid(f"{path.name} is no voice of hibari's: {error}") from error
    except Exception as error:
        if type(error).__module__.startswith("onnxruntime"):
            raise ModelFilesInvalid(f"{path.name} cannot be read: {error}") from error
        raise
    return voice
