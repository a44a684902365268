"""Pages that tools write say what the code says; ``make docs`` writes them anew."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["plugins", "cli", "api", "traces", "requirements"])
def test_what_a_tool_writes_is_current(tool, name):
    """The plugin table of the README, the command line, the API, the form of traces and the requirements are made from code."""
    made = tool(name)

    assert made.page() == made.PAGE.read_text(encoding="utf-8")


def test_make_docs_runs_every_tool(tool, root):
    """A tool that ``generate.py`` does not know is forgotten until its page is wrong."""
    scripts = {file.stem for file in (root / "docs" / "tools").glob("*.py") if '__name__ == "__main__"' in file.read_text()}

    assert {"generate", *tool("generate").TOOLS} == scripts


def test_ids_are_found_in_docstrings(tool):
    """Short lists are written out; what only looks like an id, such as a hash in the text, is none."""
    cited = tool("requirements").cited

    assert ["66555000-F2", "66555000-F6", "66555000-S5"] == cited("66555000-F2, F6 and S5: it works; F7 is another matter.")
    assert ["32637000-F2", "7c0a37e0-F9b", "66555000"] == cited("32637000-F2, 7c0a37e0-F9b (66555000).")
    assert [] == cited("sha256:66555000aa, 0x166555000 and 1234567.")


def test_an_id_that_nobody_described_is_told(tool, monkeypatch):
    """A slip of the pen in a docstring would otherwise be shown as a requirement."""
    made = tool("requirements")
    monkeypatch.setattr(made, "collect", lambda _described: {"66555000-F99": ["tests/test_it.py::test_it"]})

    with pytest.raises(ValueError, match=r"66555000-F99, cited by tests/test_it\.py::test_it"):
        made.page()
