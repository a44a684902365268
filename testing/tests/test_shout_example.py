"""The tests of ``docs/how-to/test-a-plugin.md``, run as an author runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from llmlb_testing.distributions import install_project

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "engine_shout"


def test_the_tests_of_the_example_pass(tmp_path):
    """With pytest's defaults, against the example as it is installed; nothing of this repository's configuration helps."""
    install_project(EXAMPLE, tmp_path / "site")
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])

    options = ["-p", "no:cacheprovider", "-W", "error", "-c", os.devnull, "--rootdir", str(tmp_path)]
    options += ["-o", "asyncio_default_fixture_loop_scope=function"]  # pytest-asyncio warns where nobody chose it

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(EXAMPLE / "tests")],
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
