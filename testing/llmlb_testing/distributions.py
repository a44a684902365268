"""Real distributions in a throw-away folder, as pip would leave them there, to test how plugins are found and loaded.

``write_distribution`` writes a module with its ``dist-info``; ``run_isolated`` runs the command line in an environment that has
``llmlb-core``, what it depends on, the given folders, and nothing else.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement


def write_distribution(
    folder: Path,
    name: str,
    entry_points: Mapping[str, str],
    modules: Mapping[str, str],
    *,
    version: str = "1.0.0",
    requires: Sequence[str] = (),
    requires_python: str | None = None,
) -> None:
    """Install a distribution in *folder*.

    Args:
        folder: A directory on ``sys.path``; made where it is missing.
        name: Of the distribution, such as ``acme-engine``.
        entry_points: Of the group ``llmlb``: name → ``module`` or ``module:Class``.
        modules: Source text by module name.
        version: Of the distribution.
        requires: ``Requires-Dist`` lines.
        requires_python: ``Requires-Python``.
    """
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {line}" for line in requires]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    points = "\n".join(f"{key} = {value}" for key, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[llmlb]\n{points}\n")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)
    files = [f"{module}.py,," for module in modules] + [
        f"{info.name}/{each},," for each in ("METADATA", "entry_points.txt", "RECORD")
    ]
    (info / "RECORD").write_text("\n".join(files) + "\n")


def install_project(project: Path, folder: Path) -> None:
    """Install the single-module project at *project* as its ``pyproject.toml`` says, without a build and without a network."""
    table = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    write_distribution(
        folder,
        table["name"],
        table["entry-points"]["llmlb"],
        {file.stem: file.read_text() for file in project.glob("*.py") if not file.stem.startswith("test_")},
        version=table["version"],
        requires=table.get("dependencies", ()),
        requires_python=table.get("requires-python"),
    )


def link_core(folder: Path) -> Path:
    """Fill *folder* with links to ``llmlb-core`` and everything that it depends on; return it.

    Put on ``sys.path`` of a Python started with ``-S``, it is an environment with the core alone.
    """
    import llmlb_core

    folder.mkdir(parents=True, exist_ok=True)
    _link(Path(llmlb_core.__file__).parent, folder)
    _link_metadata(distribution("llmlb-core"), folder)
    waiting, seen = ["llmlb-core"], {"llmlb-core"}
    while waiting:
        for name in _dependencies(waiting.pop()):
            if name in seen:
                continue
            seen.add(name)
            waiting.append(name)
            found = distribution(name)
            for top in sorted({file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}):
                _link(Path(str(found.locate_file(top))), folder)
    return folder


def run_isolated(
    arguments: Iterable[str], *, path: Iterable[Path], home: Path, environ: Mapping[str, str] | None = None, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run ``llmlb`` in a process of its own that sees the folders in *path* and no other package.

    Args:
        arguments: Of the command line.
        path: ``sys.path`` of the process; make its first by ``link_core``.
        home: The data directory and the home directory.
        environ: Further variables.
        timeout_s: When the process is ended.
    """
    environment = {"HOME": str(home), "LLMLB_DATA_DIR": str(home), "PYTHONPATH": os.pathsep.join(map(str, path))}
    environment |= {"PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120", "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-S", "-m", "llmlb_core", *arguments],
        env=environment | dict(environ or {}),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


def _dependencies(name: str) -> list[str]:
    """Return the installed distributions that *name* depends on here, extras left out."""
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:
        return []
    wanted = [Requirement(line) for line in lines]
    return [
        re.sub(r"[-_.]+", "-", each.name).lower() for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})
    ]


def _link_metadata(found: Distribution, folder: Path) -> None:
    """Link the ``dist-info`` of a distribution whose files are elsewhere (an editable install)."""
    for file in found.files or ():
        if file.name == "METADATA":
            _link(Path(str(found.locate_file(file))).parent, folder)


def _link(target: Path, folder: Path) -> None:
    """Link one file or directory, once."""
    link = folder / target.name
    if target.exists() and not link.exists():
        link.symlink_to(target)
