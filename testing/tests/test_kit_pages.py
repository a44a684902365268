"""The pages about kits say what the kits say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool():
    """The tool that writes them."""
    spec = importlib.util.spec_from_file_location("docs_tools_kits", ROOT / "docs" / "tools" / "kits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_rules_on_the_page_are_the_rules_of_the_kits(tool):
    """``make docs`` writes them anew."""
    assert tool.page() == tool.PAGE.read_text(encoding="utf-8")


def test_the_how_to_shows_the_tests_that_run(tool):
    """The included file is the one that ``test_shout_example`` runs."""
    text = tool.HOW_TO.read_text(encoding="utf-8")

    assert tool.how_to(text) == text


def test_every_rule_says_why(tool):
    """Each test of a kit, and each kit, has a docstring; the how-to names every kit."""
    kits = [getattr(tool.contracts, name) for name in tool.contracts.__all__]

    assert [] == [f"{kit.__name__}.{name}" for kit in kits for name, test in tool.tests(kit).items() if not tool.rule(test)]
    assert [] == [kit.__name__ for kit in kits if f"`{kit.__name__}`" not in tool.HOW_TO.read_text(encoding="utf-8")]
