"""Where the model lies."""

from __future__ import annotations

from pathlib import Path

MODEL_ID = "shapes"


def model_dir() -> Path:
    """Return the directory that holds ``model_index.json``: what an engine of Stable Diffusion directories loads."""
    return Path(__file__).parent / "shapes"
