"""Real servers in processes of their own: llama.cpp's, and one behind LitServe from PyPI."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from llmlb_endpoint_servers import llmlb_endpoints
from llmlb_endpoint_servers.llamacpp import LlamaCpp
from llmlb_testing.doors import open_doors
from llmlb_testing.upstream import FakeUpstream, chunk, delta, sse_head

from llmlb_core import Capability
from llmlb_core.endpoints.asking import Asker
from llmlb_core.endpoints.detection import detect_kind
from llmlb_core.errors import KeyRefused
from llmlb_core.settings.load import load_settings
from llmlb_core.upstream.address import parse_url

PROGRAMS = Path(__file__).parent / "programs"
START_TIMEOUT_S = 60.0
KEY = "sk-of-the-llama"
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
ASKED = [{"role": "user", "content": "Tell me what a cat is."}]
BODIES = {
    CHAT: {"model": "m", "messages": ASKED, "temperature": 0, "stream": True},
    COMPLETIONS: {"model": "m", "prompt": "Once upon a time", "temperature": 0, "stream": True},
}
SAID = ["My", " name", " is", " Bond", ", and", " I"]
TOML = """
[auth]
is_disabled = true

[plugins]
enabled = ["dialect_openai", "router_auto", "admission_fair", "endpoint_servers"]

[health]
interval_s = 0

[routing]
router = "auto"
"""


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


def text_of(body: bytes) -> str:
    """Return all text of a stream of either route."""
    events = [json.loads(line[6:]) for line in body.split(b"\n\n") if line.startswith(b"data: {")]
    choices = [choice for each in events for choice in each.get("choices", ())]
    return "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices)


async def stream(http: aiohttp.ClientSession, path: str, body: bytes) -> str:
    """Return the text of a streamed answer."""
    async with http.post(path, data=body, headers={"content-type": "application/json"}) as answer:
        assert 200 == answer.status, await answer.text()
        return text_of(await answer.read())


@pytest.mark.model
@pytest.mark.parametrize("route", BODIES)
async def test_rule_7_a_real_llamacpp_server_goes_on_where_it_stopped(llama, route):
    """Of its own deterministic answer: what was out and the rest are the whole, with no word twice and none left out."""
    asked = json.dumps({**BODIES[route], "max_tokens": 40}).encode()
    headers = {"authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(
        llama, headers=headers, timeout=aiohttp.ClientTimeout(60), connector=aiohttp.TCPConnector(force_close=True)
    ) as http:
        whole = await stream(http, route, asked)
        out = whole[: whole.rindex(" ", 0, len(whole) // 2)]
        body = json.dumps({**BODIES[route], "max_tokens": 40 + len(out)}).encode()
        continuation = LlamaCpp().continue_body(route, body, out, None)

        rest = await stream(http, route, continuation.body)

    assert (out + rest).startswith(whole)
    assert len(rest) < len(whole) * 2, "only the rest"


@pytest.mark.model
async def test_rule_7_a_stream_that_breaks_is_continued_by_a_real_server(llama, tmp_path):
    """One server says what no other would and breaks; llama.cpp's goes on with it, in the same answer."""
    has_them = asyncio.Event()

    async def breaking(visit):
        visit.send(sse_head(), *(chunk(delta(word)) for word in SAID))
        async with asyncio.timeout(30):
            await has_them.wait()
        visit.reset()

    (tmp_path / "key").write_text(KEY)
    (tmp_path / "key").chmod(0o600)
    async with FakeUpstream.open(breaking) as upstream:
        for name, url in (("breaking", upstream.url), ("real", llama)):
            with (tmp_path / "llmlb.toml").open("a") as file:
                file.write("" if file.tell() else TOML)
                file.write(f'[[endpoints]]\nname = "{name}"\nurl = "{url}"\nkind = "llamacpp"\nmodels = ["m"]\n')
                file.write('api_key = { file = "key" }\n')
        settings = load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})
        async with open_doors(settings) as doors, aiohttp.ClientSession(doors.url, timeout=aiohttp.ClientTimeout(60)) as http:
            body = b""
            while True:
                async with http.post(CHAT, json={**BODIES[CHAT], "temperature": 0.8}) as answer:
                    if answer.headers["x-llmlb-endpoint"] == "real":
                        continue  # the router chose it
                    async for data, _ in answer.content.iter_chunks():
                        body += data
                        if text_of(body) == "".join(SAID):
                            has_them.set()
                break

    assert text_of(body).startswith("".join(SAID))
    assert len(text_of(body)) > len("".join(SAID))
    assert (1, 0) == (body.count(b"[DONE]"), body.count(b'"error"'))
    assert 1 == len({json.loads(line[6:])["id"] for line in body.split(b"\n\n") if line.startswith(b"data: {")})
