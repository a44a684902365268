"""Pages about plugins are made from code and from real runs; nothing on them is remembered by hand."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from llmlb_core.plugin_host.hooks import hook_names

ROOT = Path(__file__).resolve().parents[2]


def tool(name):
    """Import one of ``docs/tools``."""
    spec = importlib.util.spec_from_file_location(f"docs_tools_{name}", ROOT / "docs" / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_hooks_is_current():
    """``docs/reference/hooks.md`` says what the docstrings say; ``python docs/tools/hooks.py`` writes it anew."""
    hooks = tool("hooks")

    assert hooks.page() == hooks.PAGE.read_text(encoding="utf-8")


def test_the_page_of_hooks_has_every_hook():
    """A hook that is not documented is not there."""
    text = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")

    assert list(hook_names()) == re.findall(r"^## `(\w+)`$", text, re.MULTILINE)


@pytest.mark.parametrize("hook", hook_names())
def test_every_hook_is_used_by_a_test(hook):
    """A hook without a test is a promise nobody checks."""
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "plugins").glob("*/tests/test_*.py")]

    users = [file.name for file in files if file != Path(__file__).resolve() and hook in file.read_text(encoding="utf-8")]

    assert users


def test_the_page_of_plugins_output_is_current():
    """Broken, incompatible, conflicting and good packages are installed side by side; the page shows what is really printed.

    ``python docs/tools/plugins_output.py`` writes it anew.
    """
    output = tool("plugins_output")

    assert output.page() == output.PAGE.read_text(encoding="utf-8")


def test_the_page_on_writing_a_plugin_is_current():
    """Its code is the example's, its output is what ``llmlb plugins`` prints with the example installed."""
    output = tool("plugins_output")
    text = output.HOW_TO.read_text(encoding="utf-8")

    assert output.how_to(text) == text
    assert {"llmlb_engine_shout.py", "pyproject.toml"} == set(re.findall("<!-- include: (.+?) -->", text))
