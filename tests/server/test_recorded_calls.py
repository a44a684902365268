"""What is left of calls, seen from outside: history, metrics, quotas, the access log."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from llmlb_testing.server import LiveServer, run_llmlb
from prometheus_client.parser import text_string_to_metric_families

TOML = """
[models.echo]
engine = "echo"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One server for this file."""
    running = LiveServer.start(tmp_path_factory.mktemp("recorded") / "data", TOML)
    yield running
    running.stop()


def ask(server: LiveServer, path: str, body: object = None, key: str | None = None) -> tuple[int, dict[str, str], bytes]:
    """Send one request and return status, headers and body."""
    request = urllib.request.Request(server.url + path, headers={"authorization": f"Bearer {key or server.key}"})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def chat(server: LiveServer, model: str = "echo", key: str | None = None, **fields: object):
    """Ask for a short answer."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello there"}], **fields}
    return ask(server, "/v1/chat/completions", body, key)


def row_of(server: LiveServer, request_id: str) -> dict:
    """Return a call's row, which is written a moment after the answer."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status, _, body = ask(server, f"/v0/requests/{request_id}")
        if status == 200:
            return json.loads(body)
        time.sleep(0.1)
    raise AssertionError(f"{request_id} is not in the history: {body!r}")


def test_a_finished_call_is_in_the_history(server):
    """With who, what, where, how long and how many tokens; never with what was said."""
    _, headers, body = chat(server)

    row = row_of(server, headers["x-request-id"])

    usage = json.loads(body)["usage"]
    assert ("chat", "echo", headers["x-llmlb-endpoint"], 200, "finished", None, 1) == tuple(
        row[name] for name in ("operation", "model", "endpoint", "status", "ending", "error_code", "attempt_count")
    )
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (row["prompt_tokens"], row["completion_tokens"])
    assert row["principal"].startswith("key:")
    assert 0 < row["first_token_ms"] <= row["duration_ms"]
    assert row["bytes_in"] > 50
    assert len(body) == row["bytes_out"]
    assert "127.0.0.1" == row["client_address"]
    assert "hello" not in json.dumps(row)


def test_a_refused_call_is_in_the_history(server):
    """Under the code that the client was told."""
    status, headers, _ = chat(server, model="nobody")

    row = row_of(server, headers["x-request-id"])

    assert (404, 404, "failed", "model_not_found") == (status, row["status"], row["ending"], row["error_code"])


def test_metrics_count_what_was_called(server):
    """Every line parses; a stream counts as much as a plain answer; an invented model is no label."""
    before = samples(server)
    chat(server)
    chat(server, stream=True)
    chat(server, model="invented by a stranger")
    after = samples(server)

    endpoint = row_of(server, chat(server)[1]["x-request-id"])["endpoint"]
    finished = ("llmlb_calls_total", ("ending", "finished"), ("endpoint", endpoint), ("model", "echo"), ("operation", "chat"))
    assert 2 == after[*finished, ("status", "200")] - before.get((*finished, ("status", "200")), 0)
    assert ("llmlb_queue_waiting",) in after
    assert ("llmlb_calls_running",) in after
    assert 1 == after["llmlb_instances", ("state", "ready")]
    assert 0 == after["llmlb_records_dropped_total", ("observer", "history")]
    assert after["llmlb_loop_lag_seconds_count",] > 0
    assert not [key for key in after if "invented" in str(key)]


def samples(server: LiveServer) -> dict[tuple, float]:
    """Scrape."""
    status, headers, body = ask(server, "/metrics")
    assert (200, "text/plain; version=0.0.4; charset=utf-8") == (status, headers["content-type"])
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def make_key(server: LiveServer, *options: str) -> str:
    """Make a key as an operator does, and wait until the server knows it."""
    made = run_llmlb(server.data_dir, "keys", "create", *options)
    key = re.search(r"sk_\w{32}", made.stdout).group()
    deadline = time.monotonic() + 20
    while ask(server, "/v1/models", key=key)[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return key


def test_history_and_metrics_are_for_administrators(server):
    """A key for inference may not see what others called."""
    key = make_key(server)

    statuses = [ask(server, path, key=key)[0] for path in ("/v0/requests", "/metrics", "/api/requests")]

    assert [403, 403, 403] == statuses


def test_a_key_that_used_up_its_requests_gets_429(server):
    """With a Retry-After, in the form of every other error; other keys go on."""
    key = make_key(server, "--rpm", "2")

    answers = [chat(server, key=key) for _ in range(3)]

    assert [200, 200, 429] == [status for status, _, _ in answers]
    _, headers, body = answers[2]
    assert ("rate_limit_exceeded", "requests") == tuple(json.loads(body)["error"][name] for name in ("code", "limited"))
    assert 1 <= int(headers["retry-after"]) <= 30
    assert 200 == chat(server)[0]
    assert (429, "rate_limit_exceeded") == tuple(row_of(server, headers["x-request-id"])[name] for name in ("status", "error_code"))


def test_a_key_that_used_up_its_tokens_gets_429(server):
    """What one call used is missing for the next."""
    key = make_key(server, "--tpm", "3")

    answers = [chat(server, key=key) for _ in range(2)]

    assert [200, 429] == [status for status, _, _ in answers]
    assert "tokens" == json.loads(answers[1][2])["error"]["limited"]


def test_calls_before_a_stop_are_kept(tmp_path):
    """The last call of a server that stops is in the history of the next, and in the access log."""
    first = LiveServer.start(tmp_path / "data", TOML)
    request_id = chat(first)[1]["x-request-id"]
    first.stop()

    second = LiveServer.start(tmp_path / "data", TOML)
    row = row_of(second, request_id)
    second.stop()

    assert "finished" == row["ending"]
    assert [line for line in first.log if request_id in line and '"component":"access"' in line]
