"""Writes ``docs/reference/hooks.md`` from the docstrings of ``llmlb_core/hookspecs.py``: ``python docs/tools/hooks.py``."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from llmlb_core import hookspecs
from llmlb_core.plugin_host.hooks import hook_names

PAGE = Path(__file__).resolve().parents[1] / "reference" / "hooks.md"

HEAD = """# Hooks

<!-- Written by docs/tools/hooks.py from llmlb_core/hookspecs.py; a test compares them. -->

A plugin implements any of these {count} functions and marks each with `@hookimpl` (`from llmlb_core import hookimpl`).
It is a module, or a class that the host calls once with a `Plugin`; the methods of the instance are then its hooks.
Every hook is synchronous and called once, at start, inside the plugin's own guard: what it raises is the status of its plugin.
A hook may leave out arguments that it does not need.
See [how to write a plugin](../how-to/write-a-plugin.md), and [what `llmlb plugins` prints](plugins-output.md).
"""
PARTS = ("When", "Returns", "Conflicts")


def page() -> str:
    """Return the whole page."""
    names = hook_names()
    return HEAD.format(count=len(names)) + "".join(section(name) for name in names)


def section(name: str) -> str:
    """Return one hook: signature, what it is for, when, what, and what two answers do."""
    function = getattr(hookspecs, name)
    text = inspect.getdoc(function) or ""
    summary = text.partition("\n\n")[0].replace("\n", " ")
    lines = [
        f"\n## `{name}`\n",
        f"```python\ndef {name}{inspect.signature(function)}\n```\n".replace("'", ""),
        f"{plain(summary)}\n",
    ]
    for part in PARTS:
        match = re.search(rf"^{part}: (.+?)$", text, re.MULTILINE)
        if match is None:
            raise SystemExit(f"the docstring of {name} has no line '{part}:'")
        lines.append(f"- **{part}:** {plain(match[1])}")
    since = re.search(r"^\.\. versionadded:: (\S+)$", text, re.MULTILINE)
    if since is None:
        raise SystemExit(f"the docstring of {name} has no versionadded")
    lines.append(f"- **Since:** {since[1]}\n")
    return "\n".join(lines)


def plain(text: str) -> str:
    """Return Markdown for a docstring's markup."""
    return text.replace("``", "`")


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
