"""The engine keeps the rules of engines that write speech down."""

from __future__ import annotations

import pytest
from llmlb_testing.contracts.transcription_engine import TranscriptionEngineContract

from llmlb_core import Capability, ModelFacts

pytestmark = pytest.mark.model


class TestWhisper(TranscriptionEngineContract):
    """With whisper tiny.en and a real voice."""

    facts = ModelFacts(
        format="ctranslate2", architecture="whisper", size_bytes=75_000_000, capabilities=(Capability.SPEECH_TO_TEXT,)
    )
