"""The README's first commands, exactly as printed there, against a real server with a real model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from llmlb_testing.server import LiveServer, environment, run_llmlb

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


@pytest.mark.model
def test_two_commands_make_a_balancer_of_the_node(server, clone, tmp_path):
    """As printed, but for the ports, which are free ones here: a call at the balancer is answered by the node's model."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".llmlb").symlink_to(server.data_dir)
    printed = at(server, first_block("bash", "endpoints add"))
    commands = printed.replace(".venv/bin/llmlb serve --port 32769\n", "exec .venv/bin/llmlb serve --port 0\n")
    assert commands != printed
    key = run_llmlb(home / ".llmlb-balancer", "keys", "ensure").stdout.strip()

    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", commands],
        env={**environment(home), "HOME": str(home)},
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as balancer:
        try:
            lines = []
            for line in balancer.stdout:
                lines.append(line)
                if "is listening on" in line:
                    break
            url = re.search(r"http://\S+", lines[-1]).group()
            body = json.dumps(
                {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
            ).encode()
            asked = urllib.request.Request(f"{url}/v1/chat/completions", body, {"authorization": f"Bearer {key}"})
            with urllib.request.urlopen(asked, timeout=100) as answer:
                headers, document = answer.headers, json.loads(answer.read())
        finally:
            balancer.terminate()

    assert "online, llmlb, 1 models" in "".join(lines)
    assert "node" == headers["x-llmlb-endpoint"]
    assert 0 < document["usage"]["completion_tokens"] <= 8
