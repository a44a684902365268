"""What a server sees of a call."""

from __future__ import annotations

import json

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from .conftest import chat

SECRETS = {
    "authorization": "Bearer sk_client",
    "x-api-key": "sk_client",
    "cookie": "auth_token=sk_client",
    "proxy-authorization": "Basic sk_client",
    "x-forwarded-for": "10.1.2.3",
    "x-custom": "sk_client",
    "te": "trailers",
    "accept-encoding": "gzip, br",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


async def answer(visit):
    """Answer in the way that was asked for."""
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta("a")), chunk(DONE), chunk(b""))
    else:
        visit.send(plain(completion()))


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","messages":[{"role":"user","content":"hi"}]}',
        b' \n{ "messages" : [ ] ,\t"unknown":{"deep":[1.50,1e3]}, "model" : "m" , "stream":false }\r\n',
        '{"model":"m","messages":[{"role":"user","content":"ä\\u00e4 \\"model\\": \\"x\\" 🙂"}]}'.encode(),
        b'{"model":"other","model":"m"}',
        b'{"model":"\\u006d"}',
        json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 1_000_000}]}).encode(),
    ],
)
async def test_a_body_reaches_the_server_unchanged(relay, body):
    """Spacing, escapes, unknown members, members written twice: nobody's business here (63acef08-F7)."""
    front, upstream = await relay(answer)

    call = await front.post(body)

    assert 200 == call.status, call.body
    assert body == bytes(upstream.visits[0].body)
    assert str(len(body)) == upstream.visits[0].headers["content-length"]


async def test_no_credential_of_a_client_reaches_the_server(relay, monkeypatch):
    """Headers are an allow-list: the server sees our key, our id, our media types, and the trace."""
    monkeypatch.setenv("SERVER_KEY", "upstream-secret")
    front, upstream = await relay(answer, extra='api_key = { env = "SERVER_KEY" }')

    call = await front.post(chat(), headers=SECRETS)

    seen = upstream.visits[0]
    allowed = {"host", "content-type", "content-length", "accept", "accept-encoding", "user-agent", "authorization"}
    assert {*allowed, "traceparent", "x-request-id"} == set(seen.headers)
    assert b"sk_client" not in seen.head
    assert "Bearer upstream-secret" == seen.headers["authorization"]
    assert "identity" == seen.headers["accept-encoding"]
    assert seen.headers["x-request-id"] == call.headers["x-request-id"]


async def test_a_server_without_a_key_gets_no_authorization(relay):
    """Above all not the client's."""
    front, upstream = await relay(answer)

    await front.post(chat(), headers=SECRETS)

    assert "authorization" not in upstream.visits[0].headers


@pytest.mark.parametrize("value", ["tab\there", "\u00e4"])
async def test_a_header_that_is_not_plain_text_is_not_passed_on(relay, value):
    """What another parser let through, ours does not send."""
    front, upstream = await relay(answer)

    call = await front.post(chat(), headers={"tracestate": value})

    assert 200 == call.status
    assert "tracestate" not in upstream.visits[0].headers


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("", "/v1/chat/completions"),
        ("/", "/v1/chat/completions"),
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/base/v1", "/base/v1/chat/completions"),
        ("/a%20b/c/", "/a%20b/c/v1/chat/completions"),
    ],
)
async def test_the_path_is_the_endpoints(relay, base, path):
    """With or without /v1 at the end of its URL; a client's query goes nowhere."""
    front, upstream = await relay(answer, path=base)

    await front.post(chat(), path="/v1/chat/completions?api_key=sk_client&x=/../admin")

    assert path == upstream.visits[0].path


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_bring_no_header_of_the_server(relay, stream):
    """Not its cookies, its name, its connection; only what the body is."""
    lines = (
        "server: secret/1.0", "set-cookie: a=b", "connection: keep-alive, x-hop", "x-hop: 1", "keep-alive: timeout=5",
        "x-internal: 1",
        "date: Mon, 01 Jan 1990 00:00:00 GMT", "alt-svc: h3=1", "x-request-id: theirs", "retry-after: 3", "via: 1.1 x",
        "access-control-allow-origin: *", "strict-transport-security: max-age=1",
    )  # fmt: skip

    async def chatty(visit):
        if stream:
            visit.send(sse_head(*lines), chunk(delta("a")), chunk(DONE), chunk(b""))
        else:
            visit.send(plain(completion(), 200, *lines))

    front, _ = await relay(chatty)

    call = await front.post(chat(stream=stream))

    ours = {"content-type", "content-length", "transfer-encoding", "cache-control", "date", "x-request-id"}
    assert set(call.headers) <= {*ours, "x-llmlb-endpoint", "x-llmlb-attempts"}
    assert "theirs" != call.headers["x-request-id"]
    assert "1990" not in call.headers.get("date", "")
    assert ("e0", "1") == (call.headers["x-llmlb-endpoint"], call.headers["x-llmlb-attempts"])


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/responses", "/v1/embeddings"])
async def test_every_route_is_relayed(relay, path):
    """Each under its own path (63acef08-F5, 24157000-F12)."""
    body = b'{"model":"m","input":"x","prompt":"x"}'
    front, upstream = await relay(answer, extra='capabilities = ["text_generation", "embedding"]')

    call = await front.post(body, path=path)

    assert (200, path, body) == (call.status, upstream.visits[0].path, bytes(upstream.visits[0].body))


async def test_embeddings_are_no_stream_whatever_the_body_says(relay):
    """A stray `stream` member does not make JSON wrong."""

    async def embed(visit):
        visit.send(plain({"data": []}))

    front, _ = await relay(embed, extra='capabilities = ["embedding"]')

    call = await front.post(b'{"model":"m","input":"x","stream":true}', path="/v1/embeddings")

    assert (200, b'{"data": []}') == (call.status, call.body)


async def test_an_answer_that_comes_before_the_body_was_sent_is_passed_on(relay):
    """More of a request than the kernel keeps (4 MB here and there), and nobody reads it; the connection is not used again."""

    async def early(visit):
        visit._line.transport.pause_reading()
        visit.send(plain({"error": {"message": "too large"}}, 413))

    front, upstream = await relay(early)
    upstream.is_early = True

    call = await front.post(chat(pad="x" * 16_000_000))

    assert (413, "too large") == (call.status, call.error["message"])
    upstream.visits[0]._line.transport.resume_reading()
    await upstream.visits[0].gone()


async def test_connections_are_kept(relay):
    """Calls one after another travel over one connection (35375000-F1)."""
    front, upstream = await relay(answer)

    for number in range(6):
        await front.post(chat(stream=bool(number % 2)))

    assert [0] * 6 == [visit.connection for visit in upstream.visits]
    assert (1, 1) == (front.servers[0].pool.open_count, front.servers[0].pool.idle_count)
