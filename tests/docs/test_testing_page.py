"""``testing/README.md``: its example passes."""

from __future__ import annotations

import re
import subprocess
import sys


def test_the_example_of_the_testing_page_passes(root, blocks, tmp_path):
    """What an author copies runs, on an installed llmlb-testing and nothing else."""
    (example,) = blocks(root / "testing" / "README.md", "python")
    (tmp_path / "test_example.py").write_text(example)

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            "-c",
            "/dev/null",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=100,
    )

    assert 0 == done.returncode, done.stdout + done.stderr


def test_the_plugins_that_the_metapackage_brings_are_counted_right(root, tool):
    """``meta/llmlb/README.md`` says how many ``llmlb plugins`` shows."""
    brought = tool("plugins").extra_by_distribution()
    ones = ("", "-one", "-two", "-three", "-four", "-five", "-six", "-seven", "-eight", "-nine")
    words = {20 + number: f"twenty{word}" for number, word in enumerate(ones)}
    others = {"[image]", "[all]"}  # the page installs `llmlb[local]`
    local = [name for name, source in brought.items() if name != "llmlb-core" and others.isdisjoint(re.findall(r"\[\w+\]", source))]

    assert f"shows {words[len(local)]} plugins" in (root / "meta" / "llmlb" / "README.md").read_text()
