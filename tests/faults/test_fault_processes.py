"""A few faults at a real server process: by HTTP/2, at its end, and by ``llmlb doctor faults``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import httpx
import pytest
from llmlb_testing.server import LiveServer

from llmlb_core.faults.caller import HttpCaller, Seen, make_call
from llmlb_core.faults.case import Case, request_body
from llmlb_core.faults.cases import CASES
from llmlb_core.faults.fault import Fault
from llmlb_core.faults.runner import run_cases, until
from llmlb_core.faults.scorecard import Scorecard
from llmlb_core.faults.scratch import Scratch
from llmlb_core.faults.server import FaultServer
from llmlb_core.faults.told import has_content, read_told

CHOSEN = ("whole_works", "failover_reset_before_head", "failover_500", "refused_context_length", "replay_reset", "broken_reset")


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A server with its defaults."""
    server = LiveServer.start(tmp_path_factory.mktemp("live"))
    yield server
    server.stop()


class Http2Caller:
    """Calls by HTTP/2 without TLS, a connection a call."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._headers = url, {"authorization": f"Bearer {key}", "content-type": "application/json"}

    async def __call__(self, path, body, seen, leave) -> None:
        try:
            async with (
                httpx.AsyncClient(http1=False, http2=True, timeout=30) as client,
                client.stream("POST", self._url + path, content=body, headers=self._headers) as answer,
            ):
                assert "HTTP/2" == answer.http_version
                seen.status, seen.headers = answer.status_code, dict(answer.headers)
                async for piece in answer.aiter_raw():
                    seen.body += piece
                    seen.on_news()
                seen.is_whole = True
        except httpx.TransportError as error:
            seen.problem = repr(error)


@pytest.mark.parametrize("plane", ["wire", "http/2"])
async def test_rule_7_faults_look_the_same_to_clients_of_a_real_server(live, plane):
    """By HTTP/1.1, which the wire answers, and by HTTP/2, with the default settings and scratch endpoints."""
    caller = HttpCaller(live.url, live.key) if plane == "wire" else Http2Caller(live.url, live.key)
    cases = [case for case in CASES if case.name in CHOSEN]
    async with FaultServer.open() as server:
        scratch = Scratch(live.url, live.key, server)
        results = [each async for each in run_cases(cases, scratch, server, caller)]
        await scratch.close()

    assert "" == "\n".join(line for line in Scorecard(cases, results).lines() if line.startswith("FAIL"))
    assert len(cases) == len({each.name for each in results})


async def test_rule_13_what_still_runs_when_a_server_stops_ends_with_an_error(tmp_path):
    """SIGTERM: streams may end for a while; then each gets one error event, no ``[DONE]``, and the process ends."""
    toml = (
        "[server]\ndrain_timeout_s = 1\n\n[auth]\nis_disabled = true\n\n"
        '[[endpoints]]\nname = "slow"\nurl = "{url}/slow"\nmodels = ["m"]\n'
    )
    case = Case(name="stop", says="", sees="", rules=(13,), faults=())
    async with FaultServer.open() as server:
        live = await asyncio.to_thread(LiveServer.start, tmp_path / "data", toml.replace("{url}", server.url), with_key=False)
        try:
            caller = HttpCaller(live.url)
            seen = {prompt: Seen() for prompt in ("long", "short")}
            server.schedule = lambda endpoint, asked: (
                Fault(break_how="stall", break_at=5) if asked.prompt == "long" else Fault(between_s=0.02)
            )
            calls = [
                asyncio.create_task(make_call(caller, case.path, request_body(case, "stream", "m", prompt), 30, each))
                for prompt, each in seen.items()
            ]
            assert await until(lambda: all(has_content(bytes(each.body)) for each in seen.values()), 10)
            os.kill(live.process.pid, signal.SIGTERM)
            await asyncio.gather(*calls)
            code = await asyncio.to_thread(live.process.wait, 20)
        finally:
            await asyncio.to_thread(live.kill)
    long, short = read_told(seen["long"]), read_told(seen["short"])

    assert 0 == code
    assert short.is_finished(1)
    assert (1, 0, 0, True) == (len(long.errors), long.sentinels, long.after_end, seen["long"].is_whole)
    assert "shutting_down" == long.errors[0]["code"]


def doctor(live, *arguments, key=None):
    """Run ``llmlb doctor faults`` and return what it said."""
    command = [sys.executable, "-m", "llmlb_core", "doctor", "faults", "--url", live.url, "--key", key or live.key, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def endpoint_count(live) -> int:
    """Count what is registered."""
    request = urllib.request.Request(f"{live.url}/v0/endpoints", headers={"authorization": f"Bearer {live.key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["total"]


def test_the_doctor_breaks_things_behind_a_running_server_and_cleans_up(live):
    """A table with a row a fault, exit code 0 when all passed, and no scratch endpoint left."""
    done = doctor(live, "--only", "failover_500", "--only", "whole_works")

    assert (0, "") == (done.returncode, done.stderr)
    assert "4 of 4 passed." in done.stdout
    assert "1, 2, 3  answers 500" in done.stdout
    assert 0 == endpoint_count(live)


def test_the_doctor_cleans_up_when_it_is_ended(live):
    """SIGTERM in the middle: no scratch endpoint is left."""
    command = [sys.executable, "-m", "llmlb_core", "doctor", "faults", "--url", live.url, "--key", live.key, "--only", "silent"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not endpoint_count(live) and time.monotonic() < deadline:
            time.sleep(0.1)
        were_there = endpoint_count(live)
        process.terminate()
        _, told = process.communicate(timeout=30)

    assert were_there
    assert 130 == process.returncode
    assert "Traceback" not in told
    assert 0 == endpoint_count(live)


def test_the_doctor_tells_programs_too(live):
    """``--json``: one object a case and mode."""
    done = doctor(live, "--only", "whole_no_role", "--json")
    told = json.loads(done.stdout)

    assert (1, 1) == (told["passed"], told["total"])
    assert ("whole_no_role", "stream", True, []) == tuple(told["cases"][0][name] for name in ("name", "mode", "passed", "problems"))


def test_the_doctor_says_what_a_key_lacks(live):
    """One line, what to give instead, exit code 1."""
    done = doctor(live, key="sk_" + "x" * 32)

    assert (1, "") == (done.returncode, done.stdout)
    assert "does not accept this key" in done.stderr
    assert "'api' and 'endpoints'" in done.stderr


def test_the_doctor_says_that_nothing_is_there(live):
    """One line, exit code 1."""
    command = [sys.executable, "-m", "llmlb_core", "doctor", "faults", "--url", "http://127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert 1 == done.returncode
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_knows_no_fault_of_that_name(live):
    """Wrong usage: exit code 3, and where names are found."""
    done = doctor(live, "--only", "no-such-fault")

    assert 3 == done.returncode
    assert "--list" in done.stderr
