"""``llmlb endpoints``, as an operator types it, beside a running server and without one."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from llmlb_testing.postgres import MISSING, find_programs, running_postgres
from llmlb_testing.server import LiveServer, run_llmlb

ECHO = '[models.echo]\nengine = "echo"\n\n[log]\naccess = false\n'
DEADLINE_S = 30.0


def llmlb(data_dir, *arguments: str, env: dict[str, str] | None = None, code: int = 0) -> str:
    """Return what the command prints; it ends with *code*."""
    done = run_llmlb(data_dir, "endpoints", *arguments, env=env)
    assert code == done.returncode, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def ask(server: LiveServer, path: str, body: object = None) -> tuple[int, Any]:
    """Return status and JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"authorization": f"Bearer {server.key}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def until(condition: Callable[[], Any]) -> Any:
    """Return what *condition* says when it is true."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never was so")


def chat(server: LiveServer) -> tuple[int, Any]:
    """Call the model ``echo``."""
    return ask(server, "/v1/chat/completions", {"model": "echo", "messages": [{"role": "user", "content": "Hi there"}]})


@pytest.fixture(params=["sqlite", "postgres"])
def database(request) -> Any:
    """Settings that name a database: the file in the data directory, or one of a PostgreSQL server."""
    if request.param == "sqlite":
        yield {}
        return
    programs = find_programs()
    if programs is None:
        pytest.skip(MISSING)
    with running_postgres(programs) as server:
        yield {"LLMLB_DATABASE_URL": server.create_database()}


def test_one_command_makes_a_balancer_of_another_llmlb(tmp_path, start_server, database):
    """66555000-S2, S4, S5: registered beside a running server, used within seconds, left when it dies, back when it is back."""
    node = LiveServer.start(tmp_path / "node", ECHO)
    balancer = start_server("[health]\ninterval_s = 0.5\n[log]\naccess = false\n", database)
    try:
        added = llmlb(
            balancer.data_dir,
            "add",
            node.url,
            "--name",
            "node",
            "--api-key-env",
            "NODE_KEY",
            env={**database, "NODE_KEY": node.key},
        )
        until(lambda: chat(balancer)[0] == 200)
        _, listed = ask(balancer, "/v0/endpoints")

        assert "online, llmlb, 1 models" in added
        assert [("node", "llmlb", "online", True)] == [
            (each["name"], each["kind"], each["status"], each["has_api_key"]) for each in listed["endpoints"]
        ]
        assert "Hi there" == chat(balancer)[1]["choices"][0]["message"]["content"]
        assert node.key not in json.dumps(listed) + "".join(balancer.log)

        node.kill()
        until(lambda: ask(balancer, "/v0/endpoints")[1]["endpoints"][0]["status"] == "offline")
        assert 503 == chat(balancer)[0]
        llmlb(balancer.data_dir, "remove", "node", env=database)
        until(lambda: chat(balancer)[0] == 404)
    finally:
        node.stop()


def test_servers_are_registered_shown_tested_and_removed_without_a_server(tmp_path, start_server):
    """Every command, as table and as JSON."""
    node = start_server(ECHO)
    (tmp_path / "key").write_text(node.key + "\n")
    data = tmp_path / "desk"

    empty = llmlb(data, "list")
    created = json.loads(llmlb(data, "add", node.url, "--name", "n1", "--api-key-file", str(tmp_path / "key"), "--json"))
    table = llmlb(data, "list")
    shown = json.loads(llmlb(data, "show", "n1", "--json"))
    tested = llmlb(data, "test", created["id"])
    tried = llmlb(data, "test", node.url, "--api-key-env", "K", env={"K": node.key})
    synced = json.loads(llmlb(data, "sync", "n1", "--json"))
    removed = llmlb(data, "remove", created["id"])

    assert "No endpoints yet" in empty
    assert ("online", "llmlb") == (created["status"], created["kind"])
    assert ["n1", "online", "llmlb", "1"] == table.splitlines()[1].split()[:4]
    assert [("echo", ["text_generation"], "server")] == [
        (each["model_id"], each["capabilities"][:1], each["capabilities_from"]) for each in shown["models"]
    ]
    assert tested.startswith("It is well: llmlb")
    assert tried.startswith("It is well: llmlb")
    assert (0, 0, 1) == (synced["added"], synced["removed"], len(synced["synced_models"]))
    assert "n1" in removed
    assert "No endpoints yet" in llmlb(data, "list")


def test_what_is_wrong_is_said(tmp_path):
    """A bad URL and a bad kind are wrong usage; a server that is away is registered, and said to be; a test of it ends with 1."""
    data = tmp_path / "desk"

    assert "base_url" in llmlb(data, "add", "ftp://host", code=3)
    assert "not installed" in llmlb(data, "add", "http://127.0.0.1:1", "--kind", "steam", code=3)
    assert "offline" in llmlb(data, "add", "http://127.0.0.1:1", "--name", "gone")
    assert "gone" in llmlb(data, "add", "http://127.0.0.1:1/v1", "--name", "again", code=1)
    assert "cannot be reached" in llmlb(data, "test", "gone", code=1)
    assert "cannot be listed" in llmlb(data, "sync", "gone", code=1)
    assert "list" in llmlb(data, "show", "nobody", code=1)
    assert "empty or not set" in llmlb(data, "add", "http://127.0.0.1:2", "--api-key-env", "NO_SUCH", code=1)
