"""What a worker is started with: its interpreter, its environment, its plugin."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from llmlb_core.contracts.engine import TextDelta, TextEngine
from llmlb_core.domain.models import Fit, LocalModel, ModelFacts
from llmlb_core.errors import EngineFailed
from llmlb_core.settings.sections import EngineSettings
from llmlb_core.worker.environment import worker_environment

PLUGIN = """
import json, os, sys
from llmlb_core import TextDelta, TextEngine, hookimpl

class {name}Engine(TextEngine):
    name = "{name}"
    @classmethod
    def fit(cls, facts, devices):
        raise NotImplementedError
    def load(self, model, placement, options):
        print("words on stdout must not disturb the frames")
        self.placement = placement
    def count_tokens(self, text):
        return len(text.split())
    def generate(self, request, cancel):
        text = json.dumps({{
            "environment": sorted(os.environ),
            "modules": sorted(sys.modules),
            "executable": sys.executable,
            "directory": os.environ.get("LLMLB_TEST_DIRECTORY"),
            "placement": [self.placement.threads, self.placement.context_tokens, self.placement.parallel_count],
        }})
        yield TextDelta(text, finish="stop")

{hooks}
"""
MODULE_HOOKS = "@hookimpl\ndef llmlb_engines():\n    return [{name}Engine]\n"
CLASS_HOOKS = (
    "class Entry:\n    def __init__(self, plugin):\n        assert plugin.data_dir.is_dir() and plugin.settings is None\n"
    "    @hookimpl\n    def llmlb_engines(self):\n        return [{name}Engine]\n"
)


class Stand(TextEngine):
    """What the server knows of a test's engine; the worker has the real one."""

    name: ClassVar[str] = "probe"

    @classmethod
    def fit(cls, facts, devices):
        raise NotImplementedError

    def load(self, model, placement, options):
        raise NotImplementedError

    def count_tokens(self, text):
        raise NotImplementedError

    def generate(self, request, cancel):
        yield TextDelta()


def install(folder: Path, name: str, hooks: str, entry: str) -> None:
    """Put a plugin into *folder*, as pip would."""
    (folder / f"llmlb_test_{name}.py").write_text(PLUGIN.format(name=name, hooks=hooks.format(name=name)))
    info = folder / f"llmlb_test_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: llmlb-test-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[llmlb]\nengine_{name} = llmlb_test_{name}{entry}\n")


def wrapper(path: Path, text: str) -> str:
    """A program that stands in for a Python."""
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """A folder of plugins that workers find."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def probe_of(bench, plugin: str = "engine_probe", engine: str = "probe", **model):
    cls = type("Named", (Stand,), {"name": engine})
    made = LocalModel("probe", ModelFacts(""), **model)
    return bench.supervisor.instance(made, plugin, cls, Fit(1.0, 1024, "a test"))


@pytest.mark.parametrize(("hooks", "entry"), [(MODULE_HOOKS, ""), (CLASS_HOOKS, ":Entry")], ids=["module", "class"])
async def test_a_worker_imports_its_own_plugin_and_no_other(bench, plugins, monkeypatch, hooks, entry):
    """Neither the web, nor storage, nor another plugin; and of the environment only what is on the list."""
    install(plugins, "probe", hooks, entry)
    install(plugins, "other", MODULE_HOOKS, "")
    monkeypatch.setenv("LLMLB_SECRET", "s3cret")
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@h/d")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    seen = json.loads(await bench.answer(probe_of(bench, parallel_count=3, context_tokens=77)))

    top = {name.split(".")[0] for name in seen["modules"]}
    rooms = {name.split(".")[1] for name in seen["modules"] if name.startswith("llmlb_core.")}
    assert "llmlb_test_probe" in top
    assert set() == top & {"llmlb_test_other", "quart", "hypercorn", "tortoise", "aiohttp", "llmlb_engine_echo"}
    assert set() == rooms & {"web", "storage", "stages", "pipeline", "house", "plugin_host", "models", "cli"}
    assert "OMP_NUM_THREADS" in seen["environment"]
    assert set() == {"LLMLB_SECRET", "DATABASE_URL"} & set(seen["environment"])
    assert [77, 3] == seen["placement"][1:]
    assert seen["placement"][0] >= 1


async def test_an_engine_may_have_a_python_of_its_own(bench_of, plugins, tmp_path):
    """`[engines.<name>] interpreter` starts its workers."""
    install(plugins, "probe", MODULE_HOOKS, "")
    python = wrapper(tmp_path / "python-of-its-own", f'#!/bin/sh\nOMP_WRAPPED=1 exec {sys.executable} "$@"\n')
    bench = await bench_of(engines={"probe": EngineSettings(interpreter=python)})

    seen = json.loads(await bench.answer(probe_of(bench)))

    assert "OMP_WRAPPED" in seen["environment"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"cannot be started.*\[engines\.echo\]"),
        ("#!/bin/sh\nexit 3\n", r"exited with code 3"),
        ("#!/bin/sh\necho 'No module named llmlb_core' >&2; exit 1\n", r"has no llmlb-core.*pip install llmlb-core"),
    ],
    ids=["missing", "no-python", "no-core"],
)
async def test_an_interpreter_that_cannot_run_workers_says_why(bench_of, tmp_path, text, said):
    """The reason names the interpreter and the setting or command that mends it."""
    path = tmp_path / "bogus"
    python = str(path) if text is None else wrapper(path, text)
    bench = await bench_of(engines={"echo": EngineSettings(interpreter=python)})
    echo = bench.echo()

    with pytest.raises(EngineFailed, match=said):
        await bench.answer(echo)

    assert "Next try in" in echo.unroutable_reason


async def test_an_interpreter_without_the_plugin_says_what_to_install(bench, plugins):
    """The command names that interpreter and the package."""
    with pytest.raises(EngineFailed, match=r"no plugin 'engine_absent'.*pip install llmlb-engine-absent"):
        await bench.answer(probe_of(bench, plugin="engine_absent"))


async def test_a_plugin_without_the_engine_says_what_it_has(bench, plugins):
    """As after installing another version there."""
    install(plugins, "probe", MODULE_HOOKS, "")

    with pytest.raises(EngineFailed, match=r"no engine 'newer'; it has: probe"):
        await bench.answer(probe_of(bench, engine="newer"))


async def test_a_plugin_that_raises_at_import_fails_the_model_and_not_the_server(bench, plugins, tmp_path):
    """The traceback is in the worker's output."""
    install(plugins, "probe", "1 / 0\n", "")
    probe = probe_of(bench)

    with pytest.raises(EngineFailed, match="ZeroDivisionError"):
        await bench.answer(probe)

    assert "hello big world" == await bench.answer(bench.echo())


def test_an_environment_holds_no_secret():
    """Names on the list, names with a prefix, and never one that sounds like a secret."""
    environ = {"PATH": "/bin", "LC_ALL": "C", "CUDA_VISIBLE_DEVICES": "0", "LLMLB_ADMIN_PASSWORD": "x", "OPENAI_API_KEY": "x"}

    got = worker_environment({**environ, "TORCH_HUB_TOKEN": "x", "GGML_API_KEY": "x", "AWS_SECRET_ACCESS_KEY": "x"})

    assert {"PATH", "LC_ALL", "CUDA_VISIBLE_DEVICES", "PYTHONUNBUFFERED"} == set(got)


def test_a_worker_started_by_hand_says_who_starts_workers():
    """Exit code 2 and one line of usage."""
    done = subprocess.run(
        [sys.executable, "-m", "llmlb_core.worker", "engine_echo"], capture_output=True, text=True, timeout=30, check=False
    )

    assert 2 == done.returncode
    assert "started by the server" in done.stderr
