"""The engine keeps the rules of engines that speak."""

from __future__ import annotations

import pytest
from llmlb_testing.contracts.speech_engine import SpeechEngineContract

from llmlb_core import ModelFacts

pytestmark = pytest.mark.model


class TestHibari(SpeechEngineContract):
    """With the real voice."""

    facts = ModelFacts(format="hibari", size_bytes=7_936_868)
