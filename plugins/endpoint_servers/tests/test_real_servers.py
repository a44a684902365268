"""Real servers in processes of their own: llama.cpp's, and one behind LitServe from PyPI."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from llmlb_endpoint_servers import llmlb_endpoints

from llmlb_core import Capability
from llmlb_core.endpoints.asking import Asker
from llmlb_core.endpoints.detection import detect_kind
from llmlb_core.errors import KeyRefused
from llmlb_core.upstream.address import parse_url

PROGRAMS = Path(__file__).parent / "programs"
START_TIMEOUT_S = 60.0
KEY = "sk-of-the-llama"


@contextmanager
def program(name, *arguments):
    """Run a program of ``programs/`` and stop it at the end."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAMS / name), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.stdin.close()
        process.stdout.close()
        # LitServe starts processes that outlive it when only it is told to end.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@pytest.fixture(scope="module")
def llama(starter_model):
    """The address of llama.cpp's server with SmolLM2, which wants a key."""
    with program("llamacpp_server.py", str(starter_model), KEY) as process:
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), address
        yield address


@pytest.fixture(scope="module")
def parrot():
    """The address of a LitServe server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_TIMEOUT_S
    with program("litserve_server.py", str(port)) as process:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=2).close()
                break
            except OSError:  # not listening, or its worker is not ready: 503
                time.sleep(0.1)
        yield url


@pytest.fixture
async def asker():
    asker = Asker()
    yield asker
    await asker.close()


async def detected(server):
    return await detect_kind(llmlb_endpoints(), server, on_fault=pytest.fail)


@pytest.mark.model
async def test_a_real_llamacpp_server_is_known_by_what_it_says(llama, asker):
    """Detected, its model listed with the context of a slot, its slots counted, the Responses API found (24157000-F19)."""
    server = asker.server("llama", parse_url(llama), KEY, deadline_s=20)

    kind = await detected(server)
    (model,) = await kind.list_models(server)
    report = await kind.check(server)

    assert "llamacpp" == kind.name
    assert (512, (Capability.TEXT_GENERATION,), True, 2) == (
        model.context_tokens,
        model.capabilities,
        model.is_ready,
        model.max_in_flight,
    )
    assert (0, 2, False) == (report.active_count, report.max_in_flight, report.is_loading)
    assert await kind.find_responses(server) is True
    answer = await server.ask("POST", "/v1/completions", {"model": model.id, "prompt": "Hello", "max_tokens": 1})
    assert 200 == answer.status, "what is listed can be called by that name"


@pytest.mark.model
async def test_a_busy_llamacpp_server_says_so(llama, asker):
    """A call that runs there is counted, whoever made it."""
    server = asker.server("llama", parse_url(llama), KEY, deadline_s=60)
    kind = await detected(server)
    body = {"prompt": "Once upon a time", "max_tokens": 400, "ignore_eos": True}
    call = asyncio.create_task(server.ask("POST", "/v1/completions", body))

    seen = 0
    async with asyncio.timeout(60):
        while not seen and not call.done():
            seen = (await kind.check(server)).active_count or 0
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    assert 1 == seen


@pytest.mark.model
async def test_a_real_llamacpp_server_refuses_a_wrong_key(llama, asker):
    """It is known without a key; what it can do is not told (66555000-E6)."""
    server = asker.server("llama", parse_url(llama), "sk-another")

    kind = await detected(server)

    assert "llamacpp" == kind.name
    with pytest.raises(KeyRefused):
        await kind.check(server)


async def test_a_real_server_without_a_list_of_models_is_passive(parrot, asker):
    """LitServe's OpenAI route has no /v1/models: traffic tells its health, the operator its models."""
    server = asker.server("parrot", parse_url(f"{parrot}/v1"), deadline_s=20)

    kind = await detected(server)

    assert ("openai_unlisted", True) == (kind.name, kind.is_passive)
    assert [] == list(await kind.list_models(server))
    assert await kind.find_responses(server) is False
    question = {"model": "parrot", "messages": [{"role": "user", "content": "pretty polly"}]}
    assert b"pretty polly" in (await server.ask("POST", "/v1/chat/completions", question)).body
