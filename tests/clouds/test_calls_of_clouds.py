"""Calls of providers behind a prefix, through a whole server and real sockets: translated, relayed, refused, with several keys."""

from __future__ import annotations

import json
import ssl
from contextlib import asynccontextmanager

import httpx
import pytest
import trustme
from llmlb_testing.doors import open_doors
from llmlb_testing.spoken import PlainDialect
from llmlb_testing.upstream import DONE, FakeUpstream, chunk, completion, delta, plain, sse_head

from llmlb_core.settings.load import load_settings

TOML = """
[auth]
is_disabled = true
[log]
access = false
[plugins]
enabled = ["dialect_openai", "router_auto", "router_basic", "admission_fair"]
[dispatch]
back_off_s = 0.001
max_back_off_s = 0.001
[clouds.acme]
dialect = "{dialect}"
base_url = "{url}/root"
aliases = ["emca"]
{more}
"""


class OpenAILike(PlainDialect):
    """Speaks what the clients of these tests speak."""

    name = "openai"
    headers = (("acme-version", "7"),)
    passed_on = ("acme-beta",)


def prepare(house):
    house.host.registry.server_dialects.update({"plain": PlainDialect(), "openai": OpenAILike()})


@asynccontextmanager
async def serving(tmp_path, monkeypatch, answer, *, dialect="plain", keys="k-1", more="", tls=None):
    monkeypatch.setenv("ACME_KEYS", "unused")
    async with FakeUpstream.open(answer, tls=tls, name="localhost" if tls else "") as upstream:
        files = []
        for number, key in enumerate(filter(None, keys.split(","))):
            (tmp_path / f"key{number}").write_text(key)
            files.append(f'{{ file = "key{number}" }}')
        more = f"api_keys = [{', '.join(files)}]\n{more}"
        (tmp_path / "llmlb.toml").write_text(TOML.format(url=upstream.url, more=more, dialect=dialect))
        settings = load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})
        async with open_doors(settings, prepare) as doors, httpx.AsyncClient(base_url=doors.url, timeout=20) as client:
            yield client, upstream


def asks(stream=False, model="acme:large-1", **more):
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, **more}


def says(*words):
    async def answer(visit):
        if visit.json["stream"]:
            visit.send(sse_head(), *(chunk(b"data: %s\n\n" % word.encode()) for word in (*words, "END")), chunk(b""))
        else:
            visit.send(plain(json.dumps({"text": "".join(words)}).encode()))

    return answer


def texts(body):
    chunks = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for each in chunks for choice in each.get("choices", ()))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_is_translated_and_its_answer_too(tmp_path, monkeypatch, stream):
    """The prefix is removed, the key is the provider's, the client's own credential goes nowhere (4b6e9f2a-F2)."""
    async with serving(tmp_path, monkeypatch, says("o", "k")) as (client, upstream):
        answer = await client.post("/v1/chat/completions", json=asks(stream), headers={"authorization": "Bearer client"})

    visit = upstream.visits[0]
    assert ("/root/say", "large-1", "Bearer k-1") == (visit.path, visit.json["model"], visit.headers["authorization"])
    assert (200, "cloud:acme") == (answer.status_code, answer.headers.get("x-llmlb-endpoint")), answer.text
    assert "ok" == (texts(answer.text) if stream else answer.json()["choices"][0]["message"]["content"])
    if not stream:
        assert ("acme:large-1", 2) == (answer.json()["model"], answer.json()["usage"]["total_tokens"])


@pytest.fixture
def certified(tmp_path):
    """HTTPS at ``localhost``, signed by an authority whose certificate lies beside the settings."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.mark.parametrize("stream", [False, True])
async def test_providers_are_called_by_https(tmp_path, monkeypatch, certified, stream):
    """As all real ones are."""
    async with serving(tmp_path, monkeypatch, says("o", "k"), more='ca_file = "ca.pem"', tls=certified) as (client, upstream):
        answers = [await client.post("/v1/chat/completions", json=asks(stream)) for _ in range(2)]

    assert upstream.url.startswith("https://")
    for answer in answers:
        said = texts(answer.text) if stream else answer.json()["choices"][0]["message"]["content"]
        assert (200, "ok") == (answer.status_code, said), answer.text
    assert [0, 0] == [visit.connection for visit in upstream.visits]


async def test_a_provider_whose_certificate_nobody_signed_gets_no_key(tmp_path, monkeypatch, certified):
    """The answer says what would mend it."""
    async with serving(tmp_path, monkeypatch, says("ok"), tls=certified) as (client, upstream):
        answer = await client.post("/v1/chat/completions", json=asks())

    assert (502, []) == (answer.status_code, upstream.visits)
    assert "certificate is not trusted here" in answer.json()["error"]["message"]


async def test_a_further_prefix_is_the_same_provider(tmp_path, monkeypatch):
    """As the older alias is (4b6e9f2a-F1)."""
    async with serving(tmp_path, monkeypatch, says("ok")) as (client, _):
        answer = await client.post("/v1/chat/completions", json=asks(model="emca:large-1"))

    assert (200, "acme:large-1") == (answer.status_code, answer.json()["model"])


async def test_a_call_in_the_providers_own_dialect_passes_byte_for_byte(tmp_path, monkeypatch):
    """But for the model's name; headers of the dialect go along, as the client sent them or as it must be."""

    async def answer(visit):
        visit.send(plain(completion("ok")))

    body = b'{ "model" : "acme:large-1","odd": [1 , 2], "messages": [{"role":"user","content":"hi"}] }'
    async with serving(tmp_path, monkeypatch, answer, dialect="openai") as (client, upstream):
        first = await client.post("/v1/chat/completions", content=body, headers={"acme-beta": "b", "x-mine": "no"})
        await client.post("/v1/chat/completions", content=body, headers={"acme-version": "8"})

    visit, second = upstream.visits
    assert (plain(completion("ok")).partition(b"\r\n\r\n")[2], body.replace(b"acme:", b"")) == (first.content, bytes(visit.body))
    assert ("/root/chat/completions", "7", "b", "8") == (
        visit.path,
        visit.headers["acme-version"],
        visit.headers["acme-beta"],
        second.headers["acme-version"],
    )
    assert "x-mine" not in visit.headers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["plain", "openai"])
@pytest.mark.parametrize("status", [401, 402, 403, 429])
async def test_a_key_that_is_refused_makes_room_for_the_next(tmp_path, monkeypatch, status, dialect, stream):
    """Rotation is failover: the client sees one good answer, relayed and translated."""

    async def answer(visit):
        if visit.headers["authorization"] == "Bearer k-1":
            visit.send(plain(b'{"why":"not you"}', status=status))
        elif dialect == "plain":
            await says("ok")(visit)
        elif stream:
            visit.send(sse_head(), chunk(delta("ok")), chunk(DONE), chunk(b""))
        else:
            visit.send(plain(completion("ok")))

    async with serving(tmp_path, monkeypatch, answer, keys="k-1,k-2", dialect=dialect) as (client, upstream):
        answers = [await client.post("/v1/chat/completions", json=asks(stream)) for _ in range(3)]

    assert [200] * 3 == [each.status_code for each in answers]
    assert all("ok" in each.text for each in answers)
    assert {"Bearer k-1", "Bearer k-2"} == {each.headers["authorization"] for each in upstream.visits}


@pytest.mark.parametrize("dialect", ["plain", "openai"])
@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [
        (401, 401, "provider_key_refused"),
        (402, 402, "provider_unpaid"),
        (403, 403, "provider_forbidden"),
        (429, 429, "rate_limited"),
    ],
)
async def test_what_every_key_is_refused_for_is_told_at_once(tmp_path, monkeypatch, dialect, status, expected, code):
    """In the provider's words, without a second try (4b6e9f2a-F4, F8)."""

    async def answer(visit):
        visit.send(plain(b'{"why":"not today"}', status, "retry-after: 7"))

    async with serving(tmp_path, monkeypatch, answer, dialect=dialect) as (client, upstream):
        told = await client.post("/v1/chat/completions", json=asks())

    error = told.json()["error"]
    assert (expected, code, "acme") == (told.status_code, error["code"], error["provider"])
    assert "not today" in error["message"]
    assert "k-1" not in told.text
    assert 1 == len(upstream.visits)
    if status == 429:
        assert "7" == told.headers["retry-after"]


async def test_a_provider_that_fails_is_asked_again_and_then_told_of(tmp_path, monkeypatch):
    """5xx becomes 502 with the provider's words."""

    async def answer(visit):
        visit.send(plain(b'{"why":"meltdown"}', status=500))

    async with serving(tmp_path, monkeypatch, answer) as (client, upstream):
        told = await client.post("/v1/chat/completions", json=asks())

    assert (502, "provider_error") == (told.status_code, told.json()["error"]["type"])
    assert "meltdown" in told.json()["error"]["message"]
    assert len(upstream.visits) > 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "body", "expected", "code"),
    [
        (400, b'{"why":"top_p is 7"}', 400, "invalid_value"),
        (404, b'{"why":"no such model"}', 404, "model_not_found"),
        (400, b'{"why":"prompt is too long: 9 > 8"}', 400, "context_length_exceeded"),
        (422, b"<html>", 400, "invalid_value"),
        (422, b'{"why":"odd"}', 422, "unprocessable"),
    ],
)
async def test_a_refused_request_is_refused_in_the_providers_words(tmp_path, monkeypatch, stream, status, body, expected, code):
    """In the shape of the client's dialect."""

    async def answer(visit):
        visit.send(plain(body, status=status))

    async with serving(tmp_path, monkeypatch, answer) as (client, upstream):
        told = await client.post("/v1/chat/completions", json=asks(stream))

    assert (expected, code) == (told.status_code, told.json()["error"]["code"])
    assert (json.loads(body)["why"] if body[:1] == b"{" else "refused") in told.json()["error"]["message"]
    assert 1 == len(upstream.visits)


@pytest.mark.parametrize(
    ("model", "keys", "status", "code", "words"),
    [
        ("acme:large-1", "", 401, "api_key_missing", "llmlb clouds set-key acme"),
        ("google:gemini", "k", 400, "unknown_prefix", "pip install llmlb-cloud-google"),
        ("acme:", "k", 400, "unknown_prefix", "acme:MODEL"),
        ("gpt-oss:20b", "k", 404, "model_not_found", "gpt-oss:20b"),
    ],
)
async def test_names_that_nothing_serves_say_what_to_do(tmp_path, monkeypatch, model, keys, status, code, words):
    """A colon alone is no prefix (4b6e9f2a-E1)."""
    async with serving(tmp_path, monkeypatch, says("ok"), keys=keys) as (client, upstream):
        told = await client.post("/v1/chat/completions", json=asks(model=model))

    assert (status, code) == (told.status_code, told.json()["error"]["code"])
    assert words in told.json()["error"]["message"]
    assert [] == upstream.visits


async def test_a_parameter_that_the_provider_does_not_know_is_refused_by_its_name(tmp_path, monkeypatch):
    """Nothing is dropped in silence."""
    async with serving(tmp_path, monkeypatch, says("ok")) as (client, upstream):
        told = await client.post("/v1/chat/completions", json=asks(seed=1))

    assert (400, "seed", "unsupported_parameter") == (told.status_code, told.json()["error"]["param"], told.json()["error"]["code"])
    assert [] == upstream.visits


@pytest.mark.parametrize("stream", [False, True])
async def test_a_setting_has_it_dropped_and_told(tmp_path, monkeypatch, stream):
    """The header has the name."""
    async with serving(tmp_path, monkeypatch, says("ok"), more='unsupported = "drop"') as (client, _):
        answer = await client.post("/v1/chat/completions", json=asks(stream, seed=1))

    assert (200, "seed") == (answer.status_code, answer.headers["x-llmlb-ignored-parameters"])


async def test_what_changes_the_meaning_is_refused_whatever_the_setting(tmp_path, monkeypatch):
    """Tools cannot be dropped."""
    tool = {"type": "function", "function": {"name": "f"}}
    async with serving(tmp_path, monkeypatch, says("ok"), more='unsupported = "drop"') as (client, _):
        told = await client.post("/v1/chat/completions", json=asks(tools=[tool]))

    assert (400, "tools") == (told.status_code, told.json()["error"]["param"])


async def test_another_route_that_the_provider_does_not_have_is_501(tmp_path, monkeypatch):
    """Before anything is sent."""
    async with serving(tmp_path, monkeypatch, says("ok")) as (client, upstream):
        told = await client.post("/v1/embeddings", json={"model": "acme:large-1", "input": "hi"})

    assert (501, []) == (told.status_code, upstream.visits)


async def test_a_stream_that_breaks_ends_with_one_error(tmp_path, monkeypatch):
    """Truthfully: no end mark follows."""

    async def answer(visit):
        visit.send(sse_head(), chunk(b"data: half\n\n"))
        visit.reset()

    async with serving(tmp_path, monkeypatch, answer) as (client, _):
        told = await client.post("/v1/chat/completions", json=asks(stream=True))

    assert (200, "half", 1, 0) == (told.status_code, texts(told.text), told.text.count('"error"'), told.text.count("[DONE]"))


async def test_a_stream_that_ends_too_early_before_its_content_is_asked_for_again(tmp_path, monkeypatch):
    """The second answer is the client's."""

    async def answer(visit):
        if len(upstream.visits) == 1:
            visit.send(sse_head(), chunk(b""))
        else:
            await says("whole")(visit)

    async with serving(tmp_path, monkeypatch, answer) as (client, upstream):
        told = await client.post("/v1/chat/completions", json=asks(stream=True))

    assert (200, "whole", 2) == (told.status_code, texts(told.text), len(upstream.visits))


async def test_a_plain_answer_that_is_not_of_the_dialect_is_a_failure(tmp_path, monkeypatch):
    """What was seen is told."""

    async def answer(visit):
        visit.send(plain(b'{"words": 1}'))

    async with serving(tmp_path, monkeypatch, answer) as (client, _):
        told = await client.post("/v1/chat/completions", json=asks())

    assert 502 == told.status_code
    assert "no 'text', but ['words']" in told.json()["error"]["message"]


async def test_a_long_stream_to_a_slow_reader_is_whole(tmp_path, monkeypatch):
    """Reading stops while nobody takes what came, and goes on."""
    words = [f"{number}," for number in range(20_000)]
    async with (
        serving(tmp_path, monkeypatch, says(*words)) as (client, _),
        client.stream("POST", "/v1/chat/completions", json=asks(stream=True)) as answer,
    ):
        body = b"".join([piece async for piece in answer.aiter_bytes()])

    assert "".join(words) == texts(body.decode())
