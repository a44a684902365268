"""Fills the marked blocks of ``docs/reference/api.md`` from the code they speak of: ``python docs/tools/api.py``."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path

import api_parameters
from llmlb_engine_echo.engine import EchoEngine
from llmlb_engine_llamacpp.engine import LlamaCppEngine

from llmlb_core import errors

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "api.md"
RETRIES = "`retry-after`"


def page() -> str:
    """Return the whole page with its marked blocks made anew."""
    makers: dict[str, Callable[[], str]] = {
        "errors": error_table,
        "codes": code_list,
        "features": lambda: api_parameters.features({"echo": EchoEngine, "llamacpp": LlamaCppEngine}),
    }
    for path in api_parameters.BASE:
        makers[f"parameters {path}"] = lambda path=path: api_parameters.rows(path)  # type: ignore[misc]  # a default, not an argument
    done: set[str] = set()

    def fill(match: re.Match[str]) -> str:
        what = match["what"]
        if what not in makers:
            raise SystemExit(f"api.md asks for {what!r}; there are {', '.join(makers)}")
        done.add(what)
        return f"<!-- made: {what} -->\n{makers[what]()}<!-- end -->\n"

    text = re.sub(r"<!-- made: (?P<what>.+?) -->\n.*?<!-- end -->\n", fill, PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    if absent := makers.keys() - done:
        raise SystemExit(f"api.md has no block for {', '.join(sorted(absent))}")
    return text


def error_table() -> str:
    """Return every error that a client can be answered with."""
    found = {
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, errors.CallError) and cls is not errors.CallError
    }
    lines = ["| status | `type` | `code` | when |", "|---|---|---|---|"]
    for cls in sorted(found, key=lambda each: (each.status, list(vars(errors)).index(each.__name__))):
        when = (inspect.getdoc(cls) or "").partition("\n")[0].replace("``", "`")
        when = re.sub(r" \([0-9a-f]{8}(?:-\w+)?\)", "", when)  # ids of requirements say nothing to a reader
        lines.append(f"| {cls.status} | `{cls.type}` | `{cls.code}` | {when} |")
    return "\n".join(lines) + "\n"


def code_list() -> str:
    """Return the codes of invalid values, read from the sources that raise them."""
    found = {"invalid_value"}
    rooms = [ROOT / "llmlb_core" / "worker", *(ROOT / "plugins").glob("dialect_*"), *(ROOT / "plugins").glob("engine_*")]
    for file in (file for room in rooms for file in room.rglob("*.py") if "tests" not in file.relative_to(room).parts):
        found |= set(re.findall(r'\bcode="([a-z_]+)"', file.read_text(encoding="utf-8")))
    for prefix in ("integer", "decimal"):
        found |= {f"{prefix}_{side}_value" for side in ("below_min", "above_max")}
    return ", ".join(f"`{code}`" for code in sorted(found)) + ".\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
    for path, names in api_parameters.unlisted().items():
        sys.stdout.write(f"the installed openai SDK can send more to {path}: {', '.join(sorted(names))}\n")
