"""``examples/every_modality.py``: one fresh server, every kind of model, the official client."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from llmlb_testing.starter import cache_dir

ROOT = Path(__file__).resolve().parents[2]
KINDS_BY_PLUGIN = {
    "engine_hibari": ("text_to_speech",),
    "engine_whisper": ("speech_to_text",),
    "engine_minilm": ("embedding", "rerank"),
    "model_shapes": ("image_generation",),
    "engine_llamacpp": ("text_generation",),
}
STEP_BY_KIND = {
    "text_to_speech": "speak",
    "speech_to_text": "transcribe",
    "embedding": "embed",
    "rerank": "rank",
    "image_generation": "draw",
    "text_generation": "chat",
}


@pytest.mark.model
@pytest.mark.timeout(600)
def test_one_fresh_server_answers_every_kind_of_call():
    """A sentence is spoken, heard, embedded, ranked, drawn about and talked about; unloading gives the memory back.

    The bundle ``starter`` is what the server has. Its models are kept in the test cache; a kind whose plugin is in this repository
    may not be missing.
    """
    kinds = [kind for plugin, found in KINDS_BY_PLUGIN.items() if (ROOT / "plugins" / plugin).is_dir() for kind in found]
    if "text_to_speech" not in kinds and "speech_to_text" in kinds:
        kinds.remove("speech_to_text")  # what is heard is what was spoken before
    needs = [word for kind in kinds for word in ("--need", kind)]

    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "every_modality.py"), "--data-dir", str(cache_dir() / "installed"), *needs],
        capture_output=True,
        text=True,
        check=False,
        timeout=590,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert [STEP_BY_KIND[kind] for kind in kinds] == re.findall(r"^\| (\w+) \| .* s \|", done.stdout, re.MULTILINE)
    memory = re.search(r"server and models: (\d+) MB; after the models were unloaded: (\d+) MB", done.stdout)
    assert memory is not None
    if sys.platform == "linux":
        assert int(memory[2]) < 0.5 * int(memory[1])
