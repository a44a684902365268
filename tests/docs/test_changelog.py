"""``changelog.d/``: fragments that a release can put together."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "changelog.d"
KINDS = "added|changed|fixed|removed|deprecated|security"


def test_fragments_are_named_for_issue_and_kind_and_hold_sentences():
    """A release sorts them by name, and prints their lines as they are."""
    fragments = [file for file in FOLDER.iterdir() if file.name != "README.md"]

    bad_names = [file.name for file in fragments if not re.fullmatch(rf"\d+\.({KINDS})\.md", file.name)]
    bad_lines = [line for file in fragments for line in file.read_text().splitlines() if not re.fullmatch(r"\S.*\.", line)]

    assert ([], []) == (bad_names, bad_lines)
