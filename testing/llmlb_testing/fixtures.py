"""Pytest fixtures, active wherever llmlb-testing is installed."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def starter_model() -> Path:
    """The path of SmolLM2-135M-Instruct (GGUF, 98 MB), fetched on first use; see ``llmlb_testing.starter``."""
    from llmlb_testing.starter import starter_model_path

    return starter_model_path()
