"""``docs/how-to/operate.md``: what it tells an operator to do works."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import urllib.request

import pytest
from llmlb_testing.server import LiveServer, run_llmlb

from llmlb_core.settings.load import load_settings

ECHO = '[models.echo]\nengine = "echo"\n'


@pytest.fixture
def page(root):
    return root / "docs" / "how-to" / "operate.md"


@pytest.fixture
def server(tmp_path):
    """A server whose data directory has all that a first day brings."""
    started = LiveServer.start(tmp_path / "data", ECHO)
    assert 0 == run_llmlb(started.data_dir, "keys", "ensure").returncode
    yield started
    started.stop()


def get(server, path, key):
    asked = urllib.request.Request(server.url + path, headers={"authorization": f"Bearer {key}"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.loads(answer.read())


def test_the_commands_on_keys_work(page, shell, blocks, tmp_path):
    """Made, listed and revoked as printed; the revoked one is gone."""
    commands = next(block for block in blocks(page, "bash") if "keys create" in block)

    printed = shell(commands + "llmlb keys list\n", {"LLMLB_DATA_DIR": str(tmp_path / "data")})

    assert 2 == len(re.findall(r"^sk_\w{32}$", printed, re.MULTILINE))
    before, _, after = printed.partition("Revoked 'ci'")
    assert " ci " in before
    assert " ci " not in after


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the page's command is sqlite3: apt-get install sqlite3")
def test_a_backup_of_a_running_server_can_be_put_back(page, shell, blocks, server, tmp_path):
    """Keys made after the backup are gone, those from before it are good."""
    save, put_back = (block for block in blocks(page, "bash") if "BACKUP_DIR" in block)
    (tmp_path / "backup").mkdir()
    env = {"LLMLB_DATA_DIR": str(server.data_dir), "BACKUP_DIR": str(tmp_path / "backup")}
    shell(save, env)
    late = run_llmlb(server.data_dir, "keys", "create", "--name", "late").stdout.strip()
    server.stop()

    printed = shell(put_back, env)
    listed = run_llmlb(server.data_dir, "keys", "list").stdout

    assert "The database is sound." in printed
    assert ("tests" in listed, "late" in listed) == (True, False)
    assert late.startswith("sk_")


def test_the_data_directory_holds_what_the_page_lists(page, server):
    """Every file of a running server is in the table, and nobody else may read the secret ones."""
    section = page.read_text().partition("## Data directory")[2].partition("## Backup")[0]
    names = {name.rstrip("/") for name in re.findall(r"`([^`]+)`", section)} | {"models", "llmlb.db-wal", "llmlb.db-shm"}

    found = {re.sub(r"backup-\w+$", "backup-<time>", path.name) for path in server.data_dir.iterdir()}
    modes = {name: stat.S_IMODE((server.data_dir / name).stat().st_mode) for name in ("llmlb.db", "first_key")}

    assert set() == found - names
    assert {"llmlb.db": 0o600, "first_key": 0o600} == modes


def test_a_stop_ends_with_0(server):
    """The unit restarts it on failure only."""
    assert 0 == server.stop()


def test_the_log_line_has_the_members_that_the_page_shows(page, blocks, server):
    """In the same order, and neither the key nor the prompt."""
    body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "a-secret-question"}]}).encode()
    asked = urllib.request.Request(
        f"{server.url}/v1/chat/completions", data=body, headers={"authorization": f"Bearer {server.key}"}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        request_id = answer.headers["x-request-id"]
    server.stop()

    lines = [json.loads(line) for line in server.log]
    (call,) = (line for line in lines if line["component"] == "access")

    assert list(json.loads(blocks(page, "json")[0])) == list(call)
    assert request_id == call["id"]
    assert "a-secret-question" not in "".join(server.log)
    assert server.key not in "".join(server.log)


def test_what_to_watch_is_there(page, server):
    """Every member of the table is in ``/v0/status``."""
    table = page.read_text().partition("## What to watch")[2]
    queue = set(re.findall(r"`queue\.(\w+)`", table))

    status = get(server, "/v0/status", server.key)

    assert queue <= set(status["queue"])
    assert "calls_running_count" in status


def test_the_settings_of_the_page_are_valid(page, blocks, tmp_path):
    """What a reader copies works."""
    (tmp_path / "llmlb.toml").write_text(blocks(page, "toml")[0])

    settings = load_settings(environ={}, data_dir=tmp_path)

    assert (16_000_000_000, 3) == (settings.workers.memory_limit_bytes, settings.workers.max_loaded_count)


def test_the_unit_is_one_that_systemd_takes(page, blocks, tmp_path):
    """Where systemd is here, it finds nothing wrong but the program that is not installed; its commands are real everywhere."""
    (unit,) = blocks(page, "ini")
    for command in re.findall(r"^Exec\w+=\S*/llmlb (.+)$", unit, re.MULTILINE):
        assert 0 == run_llmlb(tmp_path, *command.split(), "--help").returncode
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        (tmp_path / "llmlb.service").write_text(unit)
        done = subprocess.run(
            [analyze, "verify", str(tmp_path / "llmlb.service")], capture_output=True, text=True, check=False, timeout=60
        )
        complaints = [line for line in done.stderr.splitlines() if "llmlb.service" in line and "is not executable" not in line]
        assert [] == complaints
