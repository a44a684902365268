"""The official ``openai`` client for JavaScript, run by Node.js."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from llmlb_testing.server import LiveServer
from llmlb_testing.starter import cache_dir

pytestmark = [pytest.mark.model, pytest.mark.node]

SOURCE = Path(__file__).parent / "js"
INSTALL_TIMEOUT_S = 300
RUN_TIMEOUT_S = 180


@pytest.fixture(scope="session")
def package() -> Path:
    """A folder with the script and the client, installed once for each version into the test cache."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs Node.js and npm on the PATH; deselect with -m 'not node'")
    version = json.loads((SOURCE / "package.json").read_text())["dependencies"]["openai"]
    folder = cache_dir() / f"openai-js-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "conformance.mjs"):
        shutil.copy(SOURCE / name, folder / name)
    if not (folder / "node_modules" / "openai" / "package.json").is_file():
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S)
        assert 0 == done.returncode, done.stderr
    return folder


@pytest.fixture(scope="session")
def seen(package: Path, live_server: LiveServer) -> dict[str, Any]:
    """What the client saw in one run of the script."""
    done = subprocess.run(
        ["node", "conformance.mjs"],
        cwd=package,
        env={**os.environ, "LLMLB_URL": live_server.url, "LLMLB_KEY": live_server.key},
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_TIMEOUT_S,
    )
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


def test_chats_are_answered_plain_and_streamed(seen):
    """With usage at the end of the stream."""
    assert ("one two three", "one two three", 3) == (seen["chat"], seen["stream"], seen["usage"]["completion_tokens"])


def test_tools_and_schemas_are_enforced(seen):
    """The stream helper's final call, and a JSON schema."""
    assert ("get_weather", {"city"}) == (seen["tool"]["name"], set(seen["tool"]["arguments"]))
    assert {"city"} == set(seen["schema"])


def test_responses_are_created_and_streamed(seen):
    """The helper's final response is the text of the events."""
    assert ("one two", "one two") == (seen["response"], seen["finalResponse"])
    assert ("response.created", "response.completed") == (seen["events"][0], seen["events"][-1])


def test_embeddings_completions_and_models_are_there(seen):
    """The other routes."""
    assert (32, "oneone") == (seen["embedding"], seen["completion"])
    assert {"echo", "smollm2"} <= set(seen["models"])


def test_errors_have_the_client_s_own_classes(seen):
    """By status, with code and param."""
    assert {"class": "NotFoundError", "status": 404, "code": "model_not_found", "param": "model"} == seen["notFound"]
    assert ("BadRequestError", "n") == (seen["badRequest"]["class"], seen["badRequest"]["param"])
    assert ("AuthenticationError", "invalid_api_key") == (seen["unauthorized"]["class"], seen["unauthorized"]["code"])
