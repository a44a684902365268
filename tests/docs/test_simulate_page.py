"""``docs/how-to/simulate.md``: its commands work as printed."""

from __future__ import annotations

import json
import shutil
import urllib.request

import pytest
from llmlb_testing.server import LiveServer, run_llmlb

ECHO = '[models.echo]\nengine = "echo"\n'


@pytest.fixture
def page(root):
    return root / "docs" / "how-to" / "simulate.md"


def test_the_shipped_traces_are_simulated_as_printed(page, shell, blocks, tmp_path):
    """The first command."""
    command = next(block for block in blocks(page, "bash") if "simulate slow" in block)

    printed = shell(command.strip() + " --calls 500", {"LLMLB_DATA_DIR": str(tmp_path)})

    assert "slow: One endpoint is five times as slow" in printed


def test_the_scenario_of_the_page_is_simulated(page, shell, blocks, tmp_path):
    """As it stands there."""
    scenario = next(block for block in blocks(page, "toml") if "mine.toml" in block)
    (tmp_path / "mine.toml").write_text(scenario)
    command = next(block for block in blocks(page, "bash") if "simulate mine.toml" in block)

    printed = shell(command.strip() + " --router least_in_flight", {"LLMLB_DATA_DIR": str(tmp_path)}, cwd=tmp_path)

    assert "mine: Chat all day, batches in bursts (2,000 calls, 7 endpoints" in printed


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the page's command is sqlite3: apt-get install sqlite3")
def test_calls_of_a_server_are_replayed(page, shell, blocks, tmp_path):
    """Real calls, written by the page's command from the database that the server keeps."""
    # before the start: a running server learns of a new key within two seconds
    key = run_llmlb(tmp_path / "data", "keys", "ensure").stdout.strip()
    server = LiveServer.start(tmp_path / "data", ECHO)
    try:
        for number in range(3):
            body = {"model": "echo", "stream": True, "messages": [{"role": "user", "content": f"count to {number} and further on"}]}
            asked = urllib.request.Request(
                f"{server.url}/v1/chat/completions",
                json.dumps(body).encode(),
                {"authorization": f"Bearer {key}", "content-type": "application/json"},
            )
            with urllib.request.urlopen(asked, timeout=30) as answer:
                assert b"[DONE]" in answer.read()
    finally:
        server.stop()
    env = {"LLMLB_DATA_DIR": str(server.data_dir)}
    save, replay = (block for block in blocks(page, "bash") if "history.jsonl" in block)

    shell(save, env, cwd=tmp_path)
    printed = shell(replay.strip() + " --router round_robin", env, cwd=tmp_path)

    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert 3 == sum(line["status"] == 200 for line in lines)
    assert f"history: The calls of history.jsonl ({len(lines)} calls, 1 endpoints" in printed
    fleet = next(block for block in blocks(page, "toml") if "fleet.toml" in block)
    (tmp_path / "fleet.toml").write_text(fleet.replace("qwen3-8b", "echo"))
    assert "new-1" in shell("llmlb simulate history.jsonl --fleet fleet.toml --router round_robin", env, cwd=tmp_path)
