"""``python bench/pipeline.py``: the pipeline without sockets."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_pipeline_is_measured():
    """Its fakes keep the contracts of today, and every call is answered with 200."""
    command = [sys.executable, "bench/pipeline.py", "--calls", "50"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert 0 == done.returncode, done.stderr
    assert re.search(r"\d+(\.\d+)? µs", done.stdout), done.stdout
