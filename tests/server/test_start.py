"""What stops a start, and what it says; how it stops is in ``tests/faults/test_rule_13_restart.py``."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme
from llmlb_testing.server import LiveServer, run_llmlb


def one_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    assert 1 == len(lines), text
    assert "Traceback" not in text
    return lines[0]


def test_a_taken_port_is_said_in_one_line(tmp_path):
    """Exit code 2 and the next step."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        done = run_llmlb(tmp_path / "data", "serve", "--port", port)

    assert 2 == done.returncode
    assert port in one_line(done.stderr)


def test_an_unwritable_data_directory_is_said_in_one_line():
    """Exit code 2 and the directory's name; /proc refuses even root."""
    done = run_llmlb(Path("/proc/llmlb"), "serve", "--port", "0")

    assert 2 == done.returncode
    assert "/proc/llmlb" in one_line(done.stderr)


def test_a_data_directory_that_is_a_file_is_said_in_one_line(tmp_path):
    """Exit code 2 and the path."""
    (tmp_path / "data").write_text("not a directory")

    done = run_llmlb(tmp_path / "data", "serve", "--port", "0")

    assert 2 == done.returncode
    assert str(tmp_path / "data") in one_line(done.stderr)


def test_a_broken_database_is_said_in_one_line_and_left_as_it_is(tmp_path):
    """Exit code 2; the file is not touched."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "llmlb.db").write_bytes(b"this is no database" * 100)

    done = run_llmlb(data, "serve", "--port", "0")

    assert 2 == done.returncode
    assert "llmlb.db" in one_line(done.stderr)
    assert b"this is no database" * 100 == (data / "llmlb.db").read_bytes()


def test_an_unknown_setting_names_file_line_and_nearest_name(tmp_path):
    """Exit code 2, the key's path, where it stands, and what was probably meant."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "llmlb.toml").write_text("[server]\nprot = 8080\n")

    done = run_llmlb(data, "serve")

    assert 2 == done.returncode
    assert "server.prot" in done.stderr
    assert "llmlb.toml:2" in done.stderr
    assert "port" in done.stderr
    assert "Traceback" not in done.stderr


def test_disabled_authentication_listens_on_loopback_only(tmp_path):
    """Everybody is an administrator then, so nobody else may reach it."""
    refused = run_llmlb(tmp_path / "data", "serve", "--port", "0", "--host", "0.0.0.0", env={"AUTH_DISABLED": "true"})

    assert 2 == refused.returncode
    assert "loopback" in one_line(refused.stderr.splitlines()[-1])


def test_a_second_server_may_share_the_data_directory(tmp_path):
    """Two servers on one machine, one data directory: both answer."""
    first = LiveServer.start(tmp_path / "data")
    second = LiveServer.start(tmp_path / "data")
    try:
        assert first.url != second.url
    finally:
        codes = first.stop(), second.stop()

    assert (0, 0) == codes


def test_https_is_served_with_a_certificate(tmp_path):
    """[server.tls]: pages and inference answer over TLS on the one port, and plain HTTP does not."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "chain.pem"))
    toml = f'[server.tls]\ncertificate = "{tmp_path}/chain.pem"\nkey = "{tmp_path}/chain.pem"\n'
    server = LiveServer.start(tmp_path / "data", toml)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    try:
        with urllib.request.urlopen(f"{server.url}/health", timeout=20, context=trust) as answer:
            health = answer.status
        with pytest.raises(urllib.error.HTTPError) as unauthorized:
            urllib.request.urlopen(f"{server.url}/v1/chat/completions", b"{}", timeout=20, context=trust)
        unauthorized.value.close()
    finally:
        server.stop()

    assert server.url.startswith("https://")
    assert (200, 401) == (health, unauthorized.value.code)
