"""Writes ``docs/reference/contract-kits.md``, the rules of every kit, and the block of ``docs/how-to/test-a-plugin.md``."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from llmlb_testing import contracts

DOCS = Path(__file__).resolve().parents[1]
PAGE = DOCS / "reference" / "contract-kits.md"
HOW_TO = DOCS / "how-to" / "test-a-plugin.md"
EXAMPLE = DOCS / "examples" / "engine_shout"


def page() -> str:
    """Return the reference page."""
    kits = [getattr(contracts, name) for name in contracts.__all__]
    return "\n".join(
        [
            "# Contract kits",
            "",
            "<!-- Written by docs/tools/kits.py from the docstrings of llmlb_testing.contracts; a test compares them. -->",
            "",
            "A kit is a class of tests that holds a plugin to one contract of `llmlb_core`.",
            "[How to test a plugin](../how-to/test-a-plugin.md) shows how to use one.",
            "",
            *(line for kit in kits for line in section(kit)),
        ]
    )


def section(kit: type) -> list[str]:
    """Return the lines of one kit: what it needs, and its rules in the order in which they are written."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in (inspect.getdoc(kit) or "").split("\n\n")]
    about = [paragraph for paragraph in paragraphs if not paragraph.startswith("Attributes:")]
    attributes = inspect.cleandoc((inspect.getdoc(kit) or "").partition("Attributes:\n")[2])
    rows = [f"| {name.removeprefix('test_').replace('_', ' ')} | {rule(test)} |" for name, test in tests(kit).items()]
    lines = [f"## {kit.__name__}", "", *" ".join(about).replace("``", "`").splitlines(), ""]
    if attributes:
        lines += ["Set these where the defaults do not do:", ""]
        lines += [
            f"- `{name}`: {text}"
            for name, text in re.findall(r"^(\w+): (.+(?:\n .+)*)$", attributes.replace("``", "`"), re.MULTILINE)
        ]
        lines += [""]
    return [*lines, "| rule | what, and why |", "|---|---|", *rows, ""]


def tests(kit: type) -> dict[str, object]:
    """Return the tests of *kit*, those of its bases first."""
    return {name: value for cls in reversed(kit.__mro__) for name, value in vars(cls).items() if name.startswith("test_")}


def rule(test: object) -> str:
    """Return the docstring of one test in one line, as Markdown."""
    return " ".join((inspect.getdoc(test) or "").split()).replace("``", "`").replace("|", "\\|")


def how_to(text: str) -> str:
    """Return the how-to page with its included files made anew."""

    def fill(match: re.Match[str]) -> str:
        name = match["what"]
        return f"<!-- include: {name} -->\n```python\n{(EXAMPLE / name).read_text(encoding='utf-8')}```\n"

    return re.sub(r"<!-- include: (?P<what>.+?) -->\n```.*?\n```\n", fill, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    HOW_TO.write_text(how_to(HOW_TO.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name} and {HOW_TO.name}\n")
