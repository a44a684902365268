"""Writes ``docs/reference/requirements.md``: each requirement and the tests whose docstrings cite it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "requirements.md"
TABLE = ROOT / "docs" / "tools" / "requirements.toml"
PLACES = ("tests/**/test_*.py", "plugins/*/tests/**/test_*.py", "testing/llmlb_testing/contracts/*.py")
NOT_SHOWN = "not shown yet"

ITEM = r"[A-Z]{1,2}\d+(?:\.\d+)*[a-z]?"
CITED = re.compile(rf"\b(?P<base>[0-9a-f]{{8}})(?:-(?P<items>{ITEM}(?:(?:, and |, | and )-?{ITEM}\b)*))?(?![0-9a-z])")
"""``66555000``, ``66555000-F4``, and in short ``66555000-F4, F5 and F6``."""

HEAD = """# Requirements

<!-- Written by docs/tools/requirements.py from docs/tools/requirements.toml and the docstrings of tests; a test compares them. -->

What was asked for, by its id, and the tests that show it; a test belongs to an id because its docstring cites it.
Ids come from the project that llmlb continues.
Their letters: F for what it does, D for data, E for edge cases, S for measures of success, N for numbers, L for lines of the log.
Where two of them disagree, the newer one holds, and the third column says what was decided.

"""

OTHERS = """## Cited, and described elsewhere

Ids of parts that are described on pages of their own.

| id | shown by |
|---|---|
"""


def page() -> str:
    """Return the whole page.

    Raises:
        ValueError: A test cites what the table does not describe.
    """
    described: dict[str, dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    tests_by_id = collect(described)
    unknown = [
        f"{identifier}, cited by {tests[0]}"
        for identifier, tests in tests_by_id.items()
        if (base := identifier.partition("-")[0]) in described and identifier not in ids(base, described[base])
    ]
    if unknown:
        raise ValueError(f"{TABLE.name} does not describe {'; '.join(unknown)}")
    others = sorted(identifier for identifier in tests_by_id if identifier.partition("-")[0] not in described)
    text = HEAD + summary(described, tests_by_id)
    for base, said in described.items():
        text += section(base, said, tests_by_id)
    return text + OTHERS + "".join(f"| {identifier} | {shown(tests_by_id[identifier])} |\n" for identifier in others)


def collect(described: dict[str, Any]) -> dict[str, list[str]]:
    """Return the tests by what they cite; an id without an item counts where the table knows it."""
    found: dict[str, list[str]] = {}
    for file in sorted({file for pattern in PLACES for file in ROOT.glob(pattern)}):
        for name, docstring in docstrings(file):
            for identifier in cited(docstring):
                if "-" in identifier or identifier in described:
                    found.setdefault(identifier, []).append(f"{file.relative_to(ROOT).as_posix()}{name}")
    return found


def docstrings(file: Path) -> Iterator[tuple[str, str]]:
    """Yield ``::name`` and docstring of every test in *file*; the file's own docstring with no name."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    yield "", ast.get_docstring(tree) or ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield f"::{node.name}", ast.get_docstring(node) or ""


def cited(docstring: str) -> list[str]:
    """Return the ids in *docstring*, each once, the short ones written out."""
    found = []
    for match in CITED.finditer(" ".join(docstring.split())):
        items = re.findall(ITEM, match["items"] or "")
        found += [f"{match['base']}-{item}" for item in items] or [match["base"]]
    return list(dict.fromkeys(found))


def ids(base: str, said: dict[str, Any]) -> list[str]:
    """Return the ids that the table has of one requirement."""
    return [base, *(f"{base}-{item}" for item in said["asks"])]


def summary(described: dict[str, Any], tests_by_id: dict[str, list[str]]) -> str:
    """Return one row for each requirement: how many of its items are shown, decided otherwise, missing."""
    rows = "| requirement | items | shown by tests | elsewhere or decided otherwise | not shown yet |\n|---|---:|---:|---:|---:|\n"
    for base, said in described.items():
        items = ids(base, said)[1:]
        tested = [each for each in items if each in tests_by_id]
        noted = [each for each in items if each not in tests_by_id and each.partition("-")[2] in said.get("notes", {})]
        missing = len(items) - len(tested) - len(noted)
        rows += f"| {base} {said['title']} | {len(items)} | {len(tested)} | {len(noted)} | {missing} |\n"
    return rows + "\n"


def section(base: str, said: dict[str, Any], tests_by_id: dict[str, list[str]]) -> str:
    """Return the table of one requirement."""
    lines = [f"## {base} {said['title']}", "", said["about"], "", "| id | what is asked | shown by, or why not |", "|---|---|---|"]
    if base in tests_by_id:
        lines.append(f"| {base} | as a whole | {shown(tests_by_id[base])} |")
    for item, asked in said["asks"].items():
        told = [note] if (note := said.get("notes", {}).get(item)) else []
        told += [shown(tests_by_id[f"{base}-{item}"])] if f"{base}-{item}" in tests_by_id else []
        lines.append(f"| {base}-{item} | {asked} | {'<br>'.join(told) or NOT_SHOWN} |")
    return "\n".join(lines) + "\n\n"


def shown(tests: list[str]) -> str:
    """Return the names of tests, one a line of a cell."""
    return "<br>".join(f"`{test}`" for test in tests)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
