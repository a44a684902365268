"""The README's first commands, exactly as printed there, against a real server with a real model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from llmlb_testing.server import LiveServer, run_llmlb

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def first_block(language, start):
    """Return the first block in *language* that holds *start*."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if start in block)


@pytest.fixture(scope="module")
def server(starter_model, tmp_path_factory):
    """A server with the starter model under its own name and alias, as ``make run`` has it."""
    data_dir = tmp_path_factory.mktemp("readme") / "data"
    added = run_llmlb(data_dir, "models", "add", f"file:{starter_model}", "--name", "smollm2-135m-instruct", "--alias", "smollm2")
    assert 0 == added.returncode, added.stderr
    # before the start, as `make run` does it: a running server learns of a new key within two seconds
    assert 0 == run_llmlb(data_dir, "keys", "ensure").returncode
    started = LiveServer.start(data_dir)
    yield started
    started.stop()


@pytest.fixture
def clone(tmp_path):
    """A folder where ``.venv/bin/llmlb`` is, as in a clone."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    return tmp_path


def at(server, text):
    """Return a block with the server's port in the place of the default one."""
    assert "127.0.0.1:32768" in text
    return text.replace("http://127.0.0.1:32768", server.url)


@pytest.mark.model
def test_the_first_curl_gets_a_real_answer(shell, server, clone):
    """The key comes from ``keys ensure``, the answer from SmolLM2."""
    block = at(server, first_block("bash", "curl http"))

    answer = json.loads(shell(block, {"LLMLB_DATA_DIR": str(server.data_dir)}, cwd=clone))

    assert answer["choices"][0]["message"]["content"].strip()
    assert 0 < answer["usage"]["completion_tokens"] <= 40


@pytest.mark.model
def test_the_first_snippet_of_the_sdk_gets_real_answers(server, clone):
    """Plain, then streamed, through the official client."""
    block = at(server, first_block("python", "from openai import"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLMLB_", "OPENAI_"))}

    done = subprocess.run(
        [sys.executable, "-c", block],
        env={**kept, "LLMLB_API_KEY": server.key},
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert 0 == done.returncode, done.stderr
    assert 2 <= len([line for line in done.stdout.splitlines() if line.strip()])
