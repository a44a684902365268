"""Who may see and change servers, and what the database's absence changes."""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.error
import urllib.request
from typing import Any

from llmlb_testing.server import LiveServer, run_llmlb


def make_key(server: LiveServer, *scopes: str) -> str:
    options = [word for scope in scopes for word in ("--scope", scope)]
    key = run_llmlb(server.data_dir, "keys", "create", *options).stdout.strip()
    deadline = time.monotonic() + 30
    while ask(server, key, "GET")[0] == 401:  # a running server sees it within seconds
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return key


def ask(server: LiveServer, key: str, method: str, path: str = "", body: object = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"{server.url}/v0/endpoints{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_scopes_decide_who_reads_and_who_writes(start_server):
    """7c0a37e0-F10, 66555000-F15: 401 without a key; `endpoints` and `admin` do all; `api` reads, without addresses."""
    server = start_server()
    own, api, nobody = make_key(server, "endpoints"), make_key(server, "api"), "sk_" + "x" * 32
    body = {"name": "n", "base_url": "http://127.0.0.1:1", "notes": "secret place"}

    status, created = ask(server, own, "POST", "", body)
    path = f"/{created['id']}"
    writes = [("POST", "", body), ("PUT", path, {"notes": "x"}), ("DELETE", path, None), ("POST", f"{path}/test", None)]
    writes += [("POST", f"{path}/sync", None), ("POST", "/test", body)]
    refused = [ask(server, api, *each) for each in writes]
    listed = ask(server, api, "GET")

    assert (201, 200) == (status, ask(server, server.key, "GET", path)[0])
    assert (401, 401) == (ask(server, nobody, "GET")[0], ask(server, "", "GET")[0])
    assert [(403, "insufficient_scope")] * len(writes) == [(code, document["error"]["code"]) for code, document in refused]
    assert (200, "n") == (listed[0], listed[1]["endpoints"][0]["name"])
    assert "127.0.0.1" not in json.dumps(listed[1])
    assert "secret place" not in json.dumps(listed[1])
    assert 204 == ask(server, own, "DELETE", path)[0]


def test_without_its_tables_nothing_is_changed_and_calls_go_on(start_server):
    """503 database_unavailable for a change; reading and calls work from memory."""
    node = start_server('[models.echo]\nengine = "echo"\n')
    server = start_server()
    added = run_llmlb(server.data_dir, "endpoints", "add", node.url, "--name", "n", "--api-key-env", "K", env={"K": node.key})
    assert 0 == added.returncode, added.stderr
    deadline = time.monotonic() + 30
    while not ask(server, server.key, "GET")[1]["total"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with sqlite3.connect(server.data_dir / "llmlb.db") as database:
        database.execute("ALTER TABLE endpoints RENAME TO gone")
    database.close()

    status, document = ask(server, server.key, "POST", "", {"name": "x", "base_url": "http://127.0.0.1:1"})

    assert (503, "database_unavailable") == (status, document["error"]["code"])
    assert 1 == ask(server, server.key, "GET")[1]["total"]
    call = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    request = urllib.request.Request(f"{server.url}/v1/chat/completions", call, {"authorization": f"Bearer {server.key}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert 200 == answer.status
