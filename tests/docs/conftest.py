"""A server for the pages that show commands, and what reads the pages."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest
from llmlb_testing.server import LiveServer

ROOT = Path(__file__).resolve().parents[2]
ECHO = '[models.echo]\nengine = "echo"\ncapabilities = ["text_generation", "embedding"]\n'
BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def tool():
    """Import one of ``docs/tools`` by name."""

    def load(name: str) -> ModuleType:
        folder = ROOT / "docs" / "tools"
        if str(folder) not in sys.path:
            sys.path.append(str(folder))  # tools import one another, as scripts of one folder do
        spec = importlib.util.spec_from_file_location(f"docs_tools_{name}", folder / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def echo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with the model ``echo``, as the pages have it."""
    server = LiveServer.start(tmp_path_factory.mktemp("docs") / "data", ECHO)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shell():
    """Run a block of a page in bash, with the programs of this environment first on the path."""

    def run(script: str, env: Mapping[str, str], cwd: Path | None = None) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLMLB_", "LLM_", "OPENAI_"))}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env={**kept, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **env},
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert 0 == done.returncode, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def blocks():
    """Return the fenced blocks of a page in one language, in order."""

    def find(page: Path, language: str) -> list[str]:
        return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    return find
