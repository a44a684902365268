"""The voice that comes with hibari, for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from llmlb_engine_hibari.engine import HibariEngine
from llmlb_testing.engines import loaded
from llmlb_testing.real_models import real_model_path

REFERENCE = "pypi:hibari-tts==0.2.1"


@pytest.fixture(scope="session")
def voice_file() -> Path:
    """The path of the voice, 8 MB in a wheel of 14 MB, fetched on first use."""
    return real_model_path(REFERENCE)


@pytest.fixture(scope="session")
def engine(voice_file: Path) -> Iterator[HibariEngine]:
    """The voice on one thread."""
    with loaded(HibariEngine, path=voice_file) as engine:
        yield engine
