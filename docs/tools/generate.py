"""Writes every generated page of the documentation anew: ``python docs/tools/generate.py``, or ``make docs``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOLS = ("hooks", "settings", "plugins", "plugins_output", "cli", "api", "kits", "traces", "requirements")
"""In this order; each is a script of its own, so that one which fails is named."""


def main() -> int:
    """Run every tool; return 1 when one failed."""
    folder = Path(__file__).resolve().parent
    failed = [name for name in TOOLS if subprocess.run([sys.executable, str(folder / f"{name}.py")], check=False).returncode]
    for name in failed:
        print(f"docs/tools/{name}.py failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
