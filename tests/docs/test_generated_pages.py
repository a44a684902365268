"""Pages that tools write say what the code says; ``make docs`` writes them anew."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["plugins", "cli", "api", "traces"])
def test_what_a_tool_writes_is_current(tool, name):
    """The plugin table of the README, the command line, the API and the form of traces are made from code."""
    made = tool(name)

    assert made.page() == made.PAGE.read_text(encoding="utf-8")


def test_make_docs_runs_every_tool(tool, root):
    """A tool that ``generate.py`` does not know is forgotten until its page is wrong."""
    scripts = {file.stem for file in (root / "docs" / "tools").glob("*.py") if '__name__ == "__main__"' in file.read_text()}

    assert {"generate", *tool("generate").TOOLS} == scripts
