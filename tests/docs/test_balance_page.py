"""``docs/how-to/balance.md``: what it tells an operator to type works."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request

import pytest
from llmlb_testing.server import LiveServer, environment, run_llmlb

from llmlb_core.endpoints.wishes import CHANGEABLE
from llmlb_core.settings.load import load_settings


@pytest.fixture
def page(root):
    return root / "docs" / "how-to" / "balance.md"


@pytest.fixture
def node(tmp_path):
    """A node with its first key, at home."""
    data_dir = tmp_path / "home" / ".llmlb"
    # before the start: a running server learns of a new key within two seconds
    assert 0 == run_llmlb(data_dir, "keys", "ensure").returncode
    started = LiveServer.start(data_dir, '[models.echo]\nengine = "echo"\n')
    yield started
    started.stop()


def test_two_commands_make_a_balancer_of_another_llmlb(page, shell, blocks, node, tmp_path):
    """As printed, but for the ports, which are free ones here."""
    commands = next(block for block in blocks(page, "bash") if "serve --port 32769" in block)
    register, _, serve = commands.replace("http://127.0.0.1:32768", node.url).rpartition("llmlb serve")
    home = {"HOME": str(tmp_path / "home")}

    printed = shell(register, home)
    data_dir = tmp_path / "home" / ".llmlb-balancer"
    balancer = LiveServer.start(data_dir)
    try:
        body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "Hello"}]}).encode()
        asked = urllib.request.Request(
            balancer.url + "/v1/chat/completions",
            body,
            {"authorization": f"Bearer {balancer.key}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            headers, document = answer.headers, json.loads(answer.read())
    finally:
        balancer.stop()

    assert " --port 32769\n" == serve
    assert "online, llmlb, 1 models" in printed
    assert ("node", "Hello") == (headers["x-llmlb-endpoint"], document["choices"][0]["message"]["content"])


def test_the_commands_on_a_server_work(page, blocks, node, tmp_path):
    """Every line, in order, with the address of a server that is there; nothing is left at the end."""
    commands = next(block for block in blocks(page, "bash") if "endpoints sync" in block).replace("http://10.0.0.5:8000", node.url)
    env = environment(tmp_path / "desk", {"GPU_1_KEY": node.key})

    for line in commands.splitlines():
        program = [sys.executable, "-m", "llmlb_core", *line.split()[1:]]
        done = subprocess.run(program, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert 0 == done.returncode, line + done.stdout + done.stderr

    assert "No endpoints yet" in run_llmlb(tmp_path / "desk", "endpoints", "list").stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's command is curl: apt-get install curl")
def test_the_requests_work(page, shell, blocks, node):
    """Registered by curl; what one of its models can do is said by curl."""
    register, override = (block for block in blocks(page, "bash") if "curl" in block)
    env = {"LLMLB_URL": node.url, "LLMLB_API_KEY": node.key}

    created = json.loads(shell(register, env))
    url = f"$LLMLB_URL/v0/endpoints/{created['id']}"
    change = f"""curl -s -X PUT "{url}" -H "Authorization: Bearer $LLMLB_API_KEY" -d '{{"models": ["org/model-name"]}}'"""
    shell(change, env)
    said = json.loads(shell(override, {**env, "ENDPOINT_ID": created["id"]}))

    assert ("gpu-2", "pending") == (created["name"], created["status"])
    assert ["text_generation", "vision"] == said["capabilities"]


def test_the_table_names_every_member(page):
    """And the settings of the page are read."""
    text = page.read_text(encoding="utf-8")

    assert [] == [name for name in ("base_url", "version", *CHANGEABLE) if f"| `{name}` |" not in text]


def test_the_settings_of_the_page_are_read(page, blocks, tmp_path):
    """As printed."""
    (tmp_path / "llmlb.toml").write_text(blocks(page, "toml")[0])

    assert ["gpu-3"] == [each.name for each in load_settings(environ={}, data_dir=tmp_path).endpoints]
