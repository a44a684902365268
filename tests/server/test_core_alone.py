"""The core without any plugin."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from llmlb_testing.distributions import link_core


@pytest.mark.parametrize("plane", ["wire", "web"])
def test_the_core_alone_starts_answers_404_and_stops(tmp_path, plane):
    """It serves its own pages, says that nothing is served under /v1, lets nobody into /v0, and ends with exit code 0."""
    site = tmp_path / "site"
    link_core(site)
    environment = {
        "HOME": str(tmp_path),
        "LLMLB_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(site),
    }
    command = [sys.executable, "-S", "-m", "llmlb_core", "serve", "--port", "0", "--plane", plane]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            ready = server.stdout.readline()
            assert "listening" in ready, server.stderr.read()
            url = ready.split()[-1]

            answers = {path: status_of(url + path) for path in ("/health", "/v1/chat/completions", "/v0/plugins")}
        finally:
            server.terminate()

    assert {"/health": 200, "/v1/chat/completions": 404, "/v0/plugins": 401} == answers
    assert 0 == server.returncode


def status_of(url: str) -> int:
    """Return the status of a GET; an error has to be a document."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code if json.load(error)["error"]["message"] else 0
