"""Keys of providers by API, command and environment; their lists of models; what calls cost: on a real server and database."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx
import pytest
from attrs import evolve
from llmlb_testing.doors import open_doors
from llmlb_testing.providers.anthropic import FakeAnthropic
from llmlb_testing.providers.openai import FakeOpenAI, says

from llmlb_core import Price, Usage
from llmlb_core.house.cloud_metrics import cost_of, price_of
from llmlb_core.house.cloud_office import masked
from llmlb_core.settings.load import load_settings

TOML = """
[auth]
is_disabled = true
[log]
access = false
[plugins]
enabled = [
    "dialect_openai", "dialect_anthropic", "cloud_openai", "cloud_anthropic", "router_auto", "admission_fair", "observer_prometheus"
]
[clouds.openai]
base_url = "{openai}"
[clouds.openai.prices."gpt-a"]
input = 10
output = 20
cached = 1
[clouds.anthropic]
base_url = "{anthropic}"
"""
CHAT = {"model": "openai:gpt-a", "messages": [{"role": "user", "content": "hi"}]}


@asynccontextmanager
async def serving(tmp_path, openai_url, anthropic_url="http://127.0.0.1:9"):
    (tmp_path / "llmlb.toml").write_text(TOML.format(openai=openai_url, anthropic=anthropic_url))
    settings = load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})
    async with open_doors(settings) as doors, httpx.AsyncClient(base_url=doors.url, timeout=20) as client:
        yield client, doors


def llmlb(tmp_path, *args, stdin=""):
    command = [sys.executable, "-m", "llmlb_core", "--data-dir", str(tmp_path), *args]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


async def test_a_key_that_is_set_is_used_at_once_and_never_shown(tmp_path, caplog):
    """Encrypted in the database, masked in answers, absent from logs (82491000-F8)."""
    async with FakeOpenAI.open() as provider, serving(tmp_path, provider.url) as (client, _):
        refused = await client.post("/v1/chat/completions", json=CHAT)
        told = await client.put("/v0/clouds/openai/keys", json={"keys": ["key-1"]})
        answer = await client.post("/v1/chat/completions", json=CHAT)
        shown = await client.get("/v0/clouds")
        status = await client.get("/v0/status")

    assert (401, "api_key_missing") == (refused.status_code, refused.json()["error"]["code"])
    assert (200, 200, True) == (told.status_code, answer.status_code, told.json()["configured"])
    openai = next(each for each in shown.json()["clouds"] if each["name"] == "openai")
    assert (["****"], "stored", ["openai:"]) == (openai["keys"], openai["key_source"], openai["prefixes"])
    assert {"configured": True, "base_url": provider.url} == status.json()["cloud_providers"]["openai"]
    everything = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert b"key-1" not in everything
    assert "key-1" not in told.text + shown.text + status.text + caplog.text


async def test_what_a_provider_tells_of_its_limits_is_shown(tmp_path, monkeypatch):
    """For each key, as it was told last (82491000-F11); clients do not see it."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    limits = {"x-ratelimit-remaining-requests": "59", "X-RateLimit-Reset-Requests": "1s", "x-other": "no"}
    async with FakeOpenAI.open() as provider, serving(tmp_path, provider.url) as (client, _):
        before = (await client.get("/v0/clouds")).json()["clouds"]
        provider.script(evolve(says("ok"), headers=limits))
        answer = await client.post("/v1/chat/completions", json=CHAT)
        after = (await client.get("/v0/clouds")).json()["clouds"]

    assert [[None]] == [each["rate_limits"] for each in before if each["name"] == "openai"]
    (told,) = next(each["rate_limits"] for each in after if each["name"] == "openai")
    assert ({"told_at", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"}, "59") == (
        set(told),
        told["x-ratelimit-remaining-requests"],
    )
    assert (200, None) == (answer.status_code, answer.headers.get("x-ratelimit-remaining-requests"))


async def test_a_stored_key_beats_the_environment_and_goes_again(tmp_path, monkeypatch):
    """What is deleted leaves the one of the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-2")
    async with FakeOpenAI.open() as provider, serving(tmp_path, provider.url) as (client, _):
        for change in (None, ("PUT", {"keys": ["key-1"]}), ("DELETE", None)):
            if change is not None:
                await client.request(change[0], "/v0/clouds/openai/keys", json=change[1])
            await client.post("/v1/chat/completions", json=CHAT)

    assert ["Bearer key-2", "Bearer key-1", "Bearer key-2"] == [asked.headers["authorization"] for asked in provider.asked]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("nobody", {"keys": ["k"]}, 404, "there: anthropic, openai"),
        ("openai", {}, 400, "expected a list of strings"),
        ("openai", {"keys": []}, 400, "expected a list of strings"),
        ("openai", {"keys": ["geheim\n2"]}, 400, "keys[0] cannot be a key"),
        ("openai", {"keys": ["k", 5]}, 400, "keys[1] is missing"),
        ("openai", {"keys": ["k"], "odd": 1}, 400, "odd"),
    ],
)
async def test_what_cannot_be_a_key_is_refused(tmp_path, path, body, status, words):
    """Without showing it."""
    async with serving(tmp_path, "http://127.0.0.1:9") as (client, _):
        told = await client.put(f"/v0/clouds/{path}/keys", json=body)

    assert status == told.status_code
    assert words in told.json()["error"]["message"]
    assert "geheim" not in told.text


async def test_a_key_that_the_command_stores_is_used_by_the_running_server(tmp_path):
    """Within seconds, without a restart."""
    async with FakeOpenAI.open() as provider, serving(tmp_path, provider.url) as (client, doors):
        changed = asyncio.Event()
        doors.house.clouds.on_keys.append(lambda _: changed.set())
        told = await asyncio.to_thread(llmlb, tmp_path, "clouds", "set-key", "openai", stdin="key-1\n")
        await asyncio.wait_for(changed.wait(), 20)
        answer = await client.post("/v1/chat/completions", json=CHAT)
        listed = await asyncio.to_thread(llmlb, tmp_path, "clouds", "list", "--json")
        removed = await asyncio.to_thread(llmlb, tmp_path, "clouds", "remove-keys", "openai")

    assert (0, "openai has 1 stored key. A running server uses it within seconds.\n", "") == (
        told.returncode,
        told.stdout,
        told.stderr,
    )
    assert 200 == answer.status_code
    rows = {row["name"]: row for row in json.loads(listed.stdout)["clouds"]}
    assert (["****"], []) == (rows["openai"]["keys"], rows["anthropic"]["keys"])
    assert (0, True) == (removed.returncode, "no stored key any more" in removed.stdout)


def test_the_command_says_what_is_missing(tmp_path):
    """A provider that is not there, a key that was not given."""
    unknown = llmlb(tmp_path, "clouds", "set-key", "nobody", stdin="k\n")
    empty = llmlb(tmp_path, "clouds", "set-key", "openai")

    assert (1, True) == (unknown.returncode, "No provider has the name 'nobody'" in unknown.stderr)
    assert (1, True) == (empty.returncode, "No key was given" in empty.stderr)


@pytest.mark.parametrize(
    ("key", "expected"),
    [("sk-abcdefghijklmnop", "sk-****mnop"), ("short", "****"), ("AIzaSyA-0123456789abcdef", "****cdef"), ("sk-1", "****")],
)
def test_keys_are_masked(key, expected):
    """Of a short one nothing is told."""
    assert expected == masked(key)


async def test_models_of_all_providers_are_listed_behind_their_prefixes(tmp_path, monkeypatch):
    """Fetched once, page by page, then from memory (82491000-F1, F2, F4)."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key-1")
    async with (
        FakeOpenAI.open() as first,
        FakeAnthropic.open() as second,
        serving(tmp_path, first.url, second.url) as (client, _),
    ):
        missed = await client.get("/v1/models")
        hit = await client.get("/v1/models")
        one = await client.get("/v1/models/anthropic:claude-b")

    models = {model["id"]: model for model in missed.json()["data"]}
    assert {"openai:gpt-a", "openai:gpt-b", "anthropic:claude-a", "anthropic:claude-b"} == set(models)
    assert ("openai", True, True) == (
        models["openai:gpt-a"]["owned_by"],
        models["openai:gpt-a"]["ready"],
        "chat_completions" in models["openai:gpt-a"]["supported_apis"],
    )
    assert ("MISS", "HIT", "0") == (
        missed.headers["x-cache-status"],
        hit.headers["x-cache-status"],
        hit.headers["x-cache-age"],
    )
    assert (200, "anthropic") == (one.status_code, one.json()["owned_by"])
    assert (1, 2) == (len(first.asked), len(second.asked))


async def test_a_provider_that_cannot_be_asked_hides_nobody_elses_models(tmp_path, monkeypatch):
    """And its own absence is not kept as a list (82491000-F5)."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "wrong")
    async with (
        FakeOpenAI.open() as first,
        FakeAnthropic.open() as second,
        serving(tmp_path, first.url, second.url) as (client, doors),
    ):
        listed = await client.get("/v1/models")
        await client.put("/v0/clouds/anthropic/keys", json={"keys": ["key-1"]})
        again = await client.get("/v1/models")
        assert doors.house.clouds.keys("anthropic") == ("key-1",)

    assert {"openai:gpt-a", "openai:gpt-b"} == {model["id"] for model in listed.json()["data"]}
    assert 4 == len(again.json()["data"])


async def test_an_old_list_is_shown_where_no_new_one_can_be_had(tmp_path, monkeypatch):
    """After a day (82491000-F6)."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    async with FakeOpenAI.open() as provider, serving(tmp_path, provider.url) as (client, doors):
        lists = doors.house.cloud_office.lists
        await client.get("/v1/models")
        now = lists._clock()
        lists._clock = lambda: now + 25 * 3600
        monkeypatch.setattr(FakeOpenAI, "keys", frozenset())
        stale = await client.get("/v1/models")

    assert ("STALE", 2) == (stale.headers["x-cache-status"], len(stale.json()["data"]))
    assert int(stale.headers["x-cache-age"]) > 24 * 3600


async def test_without_keys_nobody_is_asked(tmp_path):
    """The list is that of this server, without headers about others (82491000-F3)."""
    async with FakeOpenAI.open() as provider, serving(tmp_path, provider.url) as (client, _):
        listed = await client.get("/v1/models")

    assert (200, [], []) == (listed.status_code, listed.json()["data"], provider.asked)
    assert "x-cache-status" not in listed.headers


async def test_calls_of_providers_are_counted_timed_and_priced(tmp_path, monkeypatch):
    """Under today's names and an older server's (4b6e9f2a-F6)."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    async with FakeOpenAI.open() as provider, serving(tmp_path, provider.url) as (client, _):
        await client.post("/v1/chat/completions", json=CHAT)
        page = (await client.get("/v0/metrics/cloud")).text
        all_of_it = (await client.get("/metrics")).text

    assert 'llmlb_cloud_requests_total{provider="openai",model="gpt-a",status="200"} 1\n' in page
    assert 'llmlb_cloud_latency_seconds_bucket{provider="openai",le="10"} 1\n' in page
    assert 'cloud_request_latency_seconds_count{provider="openai"} 1\n' in page
    # 7 tokens read at 10, 3 of a cache at 1, 5 written at 20 dollars a million
    assert 'llmlb_cloud_cost_dollars_total{provider="openai",model="gpt-a"} 0.000173\n' in page
    assert "llmlb_cloud_requests_total" in all_of_it


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-latest", "gpt-4o"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("gpt-4omni", None),
        ("gpt-4o-audio", None),
        ("gpt-4o.5", None),
        ("o3", None),
    ],
)
def test_a_model_has_the_price_of_its_name_without_the_date(model, name):
    """Providers add dates; another model of the family is not meant, for its price is another one."""
    prices = {each: Price(float(number), 1.0) for number, each in enumerate(("gpt-4o", "gpt-4o-mini", "claude-opus-4"))}

    assert (prices[name] if name else None) == price_of(prices, model)


def test_a_call_costs_what_its_tokens_cost():
    """Those of a cache have their own price, where it is known."""
    usage = Usage(100, 10, cached_tokens=40, cache_written_tokens=20)

    assert (40 * 2 + 40 * 2 + 20 * 2 + 10 * 8) / 1e6 == pytest.approx(cost_of(Price(2.0, 8.0), usage))
    assert (40 * 2 + 40 * 0.5 + 20 * 3 + 10 * 8) / 1e6 == pytest.approx(cost_of(Price(2.0, 8.0, 0.5, 3.0), usage))
