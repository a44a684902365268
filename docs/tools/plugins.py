"""Writes the plugin table of ``README.md`` from ``plugins/*/pyproject.toml``: ``python docs/tools/plugins.py``."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "README.md"
START, END = "<!-- plugins: made by docs/tools/plugins.py -->\n", "<!-- end of plugins -->\n"


def page() -> str:
    """Return the whole README with its table made anew."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"README.md has no region between {START.strip()} and {END.strip()}")
    return before + START + table() + END + after


def table() -> str:
    """Return one row a plugin."""
    extras = extra_by_distribution()
    lines = ["| plugin | what it does | hooks | comes with |", "|---|---|---|---|"]
    for folder in sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml")):
        project = read(folder / "pyproject.toml")["project"]
        name = project["name"]
        link = f"[{name}](plugins/{folder.name}/README.md)"
        lines.append(
            f"| {link} | {project['description']} | {', '.join(hooks(folder))} | {extras.get(name, f'`pip install {name}`')} |"
        )
    return "\n".join(lines) + "\n"


def hooks(folder: Path) -> list[str]:
    """Return the hooks that a plugin implements, as code, in order of their names."""
    found: set[str] = set()
    for file in folder.glob("llmlb_*/**/*.py"):
        found |= set(re.findall(r"@hookimpl\n\s*def (llmlb_\w+)", file.read_text(encoding="utf-8")))
    return [f"`{name.removeprefix('llmlb_')}`" for name in sorted(found)]


def extra_by_distribution() -> dict[str, str]:
    """Return which ``pip install`` brings each distribution."""
    project = read(ROOT / "meta" / "llmlb" / "pyproject.toml")["project"]
    found = {distribution(each): "`pip install llmlb`" for each in project["dependencies"]}
    for extra, requirements in project["optional-dependencies"].items():
        for each in requirements:
            found.setdefault(distribution(each), f"`pip install 'llmlb[{extra}]'`")
    return found


def distribution(requirement: str) -> str:
    """Return the name in a requirement."""
    match = re.match(r"[\w.-]+", requirement)
    assert match is not None
    return match[0]


def read(file: Path) -> dict[str, Any]:
    """Return a TOML file."""
    return tomllib.loads(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write("wrote the plugin table of README.md\n")
