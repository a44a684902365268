"""Bodies of calls to a real server, seen where an administrator sees them."""

import contextlib
import http.client
import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from llmlb_testing.asgi import ECHO_TOML, open_app
from llmlb_testing.server import LiveServer, run_llmlb

DEADLINE_S = 30.0
WORDS = "the moon is made of cheese"
TOML = """
[models.echo]
engine = "echo"

[models.slow]
engine = "echo"
options = { delay_s = 0.05 }

[server]
heartbeat_s = 0.5

[plugins.storage_history]
bodies = "%s"
max_held_body_bytes = 8000000
"""


class Site:
    """A server and what one asks it."""

    def __init__(self, server):
        self.server = server

    def ask(self, path, body=None, key=None):
        """Send one request; return status, headers and the answer's bytes."""
        request = urllib.request.Request(self.server.url + path, headers={"authorization": f"Bearer {key or self.server.key}"})
        if body is not None:
            request.data = body if isinstance(body, bytes) else json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def chat(self, content=WORDS, model="echo", **fields):
        """Call; return the id of the call and the answer's bytes."""
        status, headers, body = self.ask(
            "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": content}], **fields}
        )
        assert 200 == status, body
        return headers["x-request-id"], body

    def find(self, call, wants=lambda one: one["bodies"]):
        """Return what is kept of one call, once it is there."""
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            status, _, body = self.ask(f"/v0/requests/{call}")
            one = json.loads(body)
            if status == 200 and wants(one):
                return one
            time.sleep(0.05)
        raise AssertionError(f"nothing was kept of {call}: {status} {body[:500]}")

    def metric(self, name):
        """Return the value of one counter of the sink."""
        _, _, body = self.ask("/metrics")
        found = re.search(rf'^llmlb_{name}\{{sink="history"\}} (\S+)$', body.decode(), re.MULTILINE)
        assert found, [line for line in body.decode().splitlines() if "sink" in line]
        return float(found[1])

    def recorder(self):
        """Return the process id of the recorder; None where there is none."""
        for pid in self.server.children():
            with contextlib.suppress(FileNotFoundError):
                if b"llmlb_storage_history.bodies" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return None

    def until(self, condition):
        """Wait for something that another process does."""
        until = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.05)


def open_site(folder, policy):
    return Site(LiveServer.start(folder / "data", TOML % policy))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A server that keeps everything."""
    site = open_site(tmp_path_factory.mktemp("full"), "full")
    yield site
    assert 0 == site.server.stop()


@pytest.fixture(scope="module")
def masking(tmp_path_factory):
    """A server that keeps structure."""
    site = open_site(tmp_path_factory.mktemp("masked"), "masked")
    yield site
    assert 0 == site.server.stop()


@pytest.mark.parametrize("stream", [False, True])
def test_full_request_and_answer_are_shown_to_administrators(full, stream):
    """A streamed answer as the document that it would have been (fbc50d97-F1, -F2, -F12)."""
    call, _ = full.chat(stream=stream)

    one = full.find(call)

    assert WORDS == one["request_body"]["messages"][0]["content"]
    assert "chat.completion" == one["answer_body"]["object"]
    (choice,) = one["answer_body"]["choices"]
    assert WORDS in choice["message"]["content"]
    assert choice["finish_reason"]
    assert {"policy": "full", "is_request_cut": False, "is_answer_cut": False} == one["bodies"]


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/v1/completions", {"prompt": WORDS}, lambda answer: answer["choices"][0]["text"]),
        ("/v1/responses", {"input": WORDS}, lambda answer: answer["output"][0]["content"][0]["text"]),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_other_operations_are_put_together_too(full, path, body, text, stream):
    """Completions and responses."""
    status, headers, _ = full.ask(path, {"model": "echo", "stream": stream, **body})
    assert 200 == status

    one = full.find(headers["x-request-id"])

    assert "cheese" in text(one["answer_body"])


@pytest.mark.parametrize("stream", [False, True])
def test_masked_calls_hold_no_word_of_anybody(masking, stream):
    """Neither on the page nor in the database (fbc50d97-F13); structure and usage stay."""
    call, _ = masking.chat(stream=stream, **({"stream_options": {"include_usage": True}} if stream else {}))

    one = masking.find(call)

    assert "cheese" not in json.dumps(one)
    assert {"masked": "text", "length": len(WORDS)} == one["request_body"]["messages"][0]["content"]
    assert ("echo", "user", stream) == (
        one["request_body"]["model"],
        one["request_body"]["messages"][0]["role"],
        one["request_body"]["stream"],
    )
    assert one["answer_body"]["usage"]["total_tokens"] > 0
    assert one["answer_body"]["choices"][0]["finish_reason"]
    files = list(masking.server.data_dir.glob("llmlb.db*"))
    assert files
    assert not any(b"cheese" in file.read_bytes() for file in files)


def test_refused_call_is_kept_with_its_error(full):
    """What the client was told (fbc50d97-F2)."""
    status, headers, _ = full.ask("/v1/chat/completions", {"model": "nowhere", "messages": []})

    one = full.find(headers["x-request-id"])

    assert (404, "model_not_found") == (status, one["answer_body"]["error"]["code"])
    assert "nowhere" == one["request_body"]["model"]


def test_request_that_is_no_json_is_kept_as_text(full):
    """Somebody will want to see what their client sends."""
    _, headers, _ = full.ask("/v1/chat/completions", b'{"model": oops')

    assert '{"model": oops' == full.find(headers["x-request-id"])["request_body"]


def test_strangers_leave_nothing(full):
    """A body that nobody was let in with is not even read."""
    status, headers, _ = full.ask("/v1/chat/completions", {"model": "echo", "messages": []}, key="sk_" + "x" * 32)
    full.find(full.chat()[0])

    one = full.find(headers["x-request-id"], wants=lambda one: True)

    assert (401, None, None) == (status, one["request_body"], one["bodies"])


def test_only_administrators_see_bodies(full):
    """A key with the scope ``api`` is refused (fbc50d97-F13)."""
    call, _ = full.chat()
    made = run_llmlb(full.server.data_dir, "keys", "create", "--name", "user", "--scope", "api")
    key = re.search(r"sk_[A-Za-z0-9]{32}", made.stdout).group()
    full.until(lambda: full.ask(f"/v0/requests/{call}", key=key)[0] != 401)  # a server notices new keys after a while

    status, _, body = full.ask(f"/v0/requests/{call}", key=key)

    assert 403 == status
    assert b"cheese" not in body


def test_stream_whose_client_leaves_is_kept_as_far_as_it_came(full):
    """And the call ends as cancelled, as without a sink."""
    connection = http.client.HTTPConnection(full.server.url.removeprefix("http://"), timeout=30)
    body = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": "word " * 400}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"authorization": f"Bearer {full.server.key}"})
    answer = connection.getresponse()
    for _ in range(20):
        answer.readline()
    call = answer.headers["x-request-id"]

    answer.close()
    connection.close()
    one = full.find(call)

    assert ("cancelled", 200) == (one["ending"], one["status"])
    assert "word" in one["answer_body"]["choices"][0]["message"]["content"]
    assert one["answer_body"]["choices"][0]["finish_reason"] is None
    assert one["bodies"]["is_answer_cut"] is False


def test_body_of_almost_20_mb_is_served_whole_and_kept_cut(full):
    """The first megabyte, closed so that it can be read."""
    content = "cheese " * 2_700_000
    before = full.metric("bodies_dropped_total")
    body = {"model": "echo", "max_tokens": 5, "messages": [{"role": "user", "content": content}]}

    status, headers, _ = full.ask("/v1/chat/completions", body)
    one = full.find(headers["x-request-id"])

    kept = one["request_body"]["messages"][0]["content"]
    assert status in (200, 400)  # the engine may find it too long; it was read either way
    assert one["bytes_in"] > 18_000_000
    assert one["bodies"]["is_request_cut"] is True
    assert content.startswith(kept)
    assert 1_000_000 < len(kept) < 1024 * 1024
    assert before == full.metric("bodies_dropped_total")


def test_killed_recorder_hurts_no_call_and_comes_back(full):
    """It is counted with what it had not written, and the next calls are kept."""
    failures, dropped = full.metric("body_sink_failures_total"), full.metric("bodies_dropped_total")
    first = full.recorder()
    os.kill(first, signal.SIGKILL)

    while_away = [full.chat()[0] for _ in range(5)]
    full.until(lambda: full.recorder() not in (None, first))
    later, _ = full.chat()

    assert full.find(later)["request_body"]
    assert failures + 1 == full.metric("body_sink_failures_total")
    kept = [full.find(call, wants=lambda one: True)["bodies"] for call in while_away]
    assert full.metric("bodies_dropped_total") - dropped == kept.count(None)  # sent before the server saw that it was gone


def test_recorder_that_hangs_costs_bodies_and_no_call(full):
    """Above the bound bodies are dropped and counted; calls are answered all the same, and their rows are there."""
    dropped = full.metric("bodies_dropped_total")
    os.kill(full.recorder(), signal.SIGSTOP)
    try:
        calls = [full.chat("x" * 900_000, max_tokens=1)[0] for _ in range(12)]
        held = full.metric("bodies_held_bytes")
        lost = full.metric("bodies_dropped_total") - dropped
        row = full.find(calls[-1], wants=lambda one: True)
    finally:
        os.kill(full.recorder(), signal.SIGCONT)

    full.find(calls[0])
    assert held <= 8_000_000
    assert lost >= 12 - 8
    assert (200, None) == (row["status"], row["request_body"])


def test_none_keeps_nothing_and_starts_nothing(tmp_path):
    """The default: no process, no copy, no row."""
    server = LiveServer.start(tmp_path / "data", '[models.echo]\nengine = "echo"\n')
    site = Site(server)
    try:
        call, _ = site.chat()

        one = site.find(call, wants=lambda one: True)

        assert (None, None, None) == (one["request_body"], one["answer_body"], one["bodies"])
        assert site.recorder() is None
        assert b"llmlb_bodies" not in site.ask("/metrics")[2]
        files = list(server.data_dir.glob("llmlb.db*"))
        assert not any(b"cheese" in file.read_bytes() for file in files)
    finally:
        server.stop()


def test_recorder_dies_with_a_server_that_is_killed(tmp_path):
    """Nothing of it is left behind."""
    site = open_site(tmp_path, "full")
    site.until(lambda: site.recorder() is not None)
    pid = site.recorder()

    site.server.kill()

    site.until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_through_any_asgi_server_are_kept_too(tmp_path, stream):
    """The same pipeline, the other outlet."""
    toml = ECHO_TOML + '\n[plugins.storage_history]\nbodies = "full"\n'
    async with open_app(tmp_path / "data", toml) as client:
        answer = await client.chat(WORDS, stream=stream)
        call = answer.headers["x-request-id"]
        until = time.monotonic() + DEADLINE_S
        one = {}
        while not one.get("bodies") and time.monotonic() < until:
            one = await (await client.http.get(f"/v0/requests/{call}")).get_json()

    assert WORDS == one["request_body"]["messages"][0]["content"]
    assert "cheese" in one["answer_body"]["choices"][0]["message"]["content"]
