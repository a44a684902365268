"""Answers that are no success: passed on, tried elsewhere, or told in our own words."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from .conftest import chat

THEIRS = {"error": {"message": "their own words", "type": "x", "param": None, "code": "y"}}
PASSING = {500, 503, 408, 204, 600, 99}
"""What may be over in a moment: the same server is asked again; 429 says that it is not."""


def refusing(status: int, *lines: str, body: object = THEIRS):
    """Return a script that answers *status*."""

    async def answer(visit):
        visit.send(plain(body, status, *lines))

    return answer


async def good(visit):
    """Answer as asked."""
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta("good")), chunk(DONE), chunk(b""))
    else:
        visit.send(plain(completion("good")))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 418])
async def test_a_refusal_of_the_request_is_passed_on(relay, status, stream):
    """In the server's own words, with its Retry-After, and nobody else is asked (63acef08-F8)."""
    front, first, second = await relay(refusing(status, "retry-after: 7", "x-internal: 1"), refusing(status, "retry-after: 7"))

    call = await front.post(chat(stream=stream))

    assert (status, THEIRS, "7") == (call.status, json.loads(call.body), call.headers["retry-after"])
    assert 1 == len(first.visits) + len(second.visits)
    assert "x-internal" not in call.headers


async def test_a_refusal_without_json_is_passed_on(relay):
    """An empty body or a page of a proxy; the status is what counts."""
    front, upstream = await relay(refusing(404, "content-type: text/html", body=b"<h1>lost</h1>"))

    page = await front.post(chat())
    upstream.script = refusing(400, body=b"")
    empty = await front.post(chat())

    assert (404, "text/html", b"<h1>lost</h1>") == (page.status, page.headers["content-type"], page.body)
    assert (400, b"", "0") == (empty.status, empty.body, empty.headers["content-length"])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 529, 429, 408, 204, 206, 302, 307, 402])
async def test_a_failure_is_tried_elsewhere(relay, status, stream):
    """The client sees one good answer; the headers say that it took two attempts (05098000-F17)."""
    failing = refusing(status, "location: http://127.0.0.1:1/", body=b"" if status == 204 else THEIRS)
    front, first, second = await relay(failing, good)

    calls = [await front.post(chat(stream=stream)) for _ in range(2)]

    assert [200, 200] == [call.status for call in calls]
    assert all(b"good" in call.body for call in calls)
    assert {"e1"} == {call.headers["x-llmlb-endpoint"] for call in calls}
    assert len(first.visits) == sum(call.headers["x-llmlb-attempts"] == "2" for call in calls) > 0
    assert 2 == len(second.visits)


@pytest.mark.parametrize(
    ("status", "ours", "code", "words"),
    [
        (500, 502, "bad_gateway", "'e0' answered 500"),
        (503, 502, "bad_gateway", "'e0' answered 503"),
        (408, 502, "bad_gateway", "'e0' answered 408"),
        (429, 429, "endpoint_busy", "'e0' takes no more calls"),
        (401, 502, "endpoint_refused", "'e0' refused this server's own credential (401); its api_key"),
        (403, 502, "endpoint_refused", "'e0' refused this server's own credential (403); its api_key"),
        (301, 502, "bad_gateway", "'e0' answered with a redirect (301), which is not followed"),
        (204, 502, "bad_gateway", "'e0' answered 204"),
        (600, 502, "bad_gateway", "it answered 600"),
        (99, 502, "bad_gateway", "it sent what is not HTTP"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_of_the_only_server_is_told(relay, status, ours, code, words, stream):
    """In our words: which endpoint, what it did; never its address, and none of its own."""
    front, upstream = await relay(refusing(status, "location: http://internal/", body=b"" if status == 204 else THEIRS))

    call = await front.post(chat(stream=stream))

    assert (ours, code) == (call.status, call.error["code"])
    assert words in call.error["message"]
    assert not any(text in call.body.decode() for text in ("127.0.0.1", "their own words", "internal/"))
    assert (3 if status in PASSING else 1) == len(upstream.visits)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_key_is_told_after_every_server_was_asked(relay, status):
    """One server's key is not another's; an operator is to mend it."""
    front, *upstreams = await relay(refusing(status), refusing(status))

    call = await front.post(chat())

    assert 502 == call.status
    assert [1, 1] == [len(upstream.visits) for upstream in upstreams]
    assert "api_key" in call.error["message"]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date", "nonsense"])
async def test_retry_after_of_a_busy_server_reaches_the_client(relay, status, form):
    """In seconds, whichever form it had."""
    value = {"seconds": "17", "date": formatdate(time.time() + 17.5, usegmt=True), "nonsense": "soon"}[form]
    front, _ = await relay(refusing(status, f"retry-after: {value}"))

    call = await front.post(chat())

    assert call.headers.get("retry-after") in ([None] if form == "nonsense" else ["16", "17", "18"])


async def test_all_servers_failing_is_told_after_each_was_asked(relay):
    """Three times at most; the last one's failure is what the client sees."""
    front, *upstreams = await relay(refusing(500), refusing(500))

    call = await front.post(chat())

    assert 502 == call.status
    assert [3, 3] == [len(upstream.visits) for upstream in upstreams]


async def test_a_refused_connection_is_tried_elsewhere(relay):
    """A server that is down costs its clients nothing."""
    front, first, _ = await relay(good, good)
    await first.stop_listening()

    calls = [await front.post(chat()) for _ in range(4)]

    assert [200] * 4 == [call.status for call in calls]


async def test_a_refused_connection_is_told(relay):
    """Without the address (35375000-F5)."""
    front, upstream = await relay(good)
    await upstream.stop_listening()

    call = await front.post(chat())

    assert 502 == call.status
    assert "Endpoint 'e0' cannot be reached: it refuses connections." == call.error["message"]


async def test_connections_survive_refusals(relay):
    """A small refusal is read to its end, so that the connection can be used again."""
    front, upstream = await relay(refusing(503))

    await front.post(chat())

    assert [0, 0, 0] == [visit.connection for visit in upstream.visits]


@pytest.mark.parametrize("status", [500, 429])
async def test_a_refusal_without_end_is_not_waited_for(relay, status):
    """Neither a body that stops nor one that never does."""

    async def endless(visit):
        visit.send(b"HTTP/1.1 %d X\r\ntransfer-encoding: chunked\r\n\r\n" % status, chunk(b"x"))
        if status == 500:
            while not visit.is_gone:
                await visit.drained()
                visit.send(chunk(b"x" * 60_000))
        await visit.gone()

    front, upstream = await relay(endless)

    call = await front.post(chat())

    assert {500: 502, 429: 429}[status] == call.status
    await upstream.visits[0].gone()


async def test_a_long_refusal_of_the_request_is_passed_on_within_bounds(relay):
    """3 MB of a 400: not held in memory as a whole."""
    front, _ = await relay(refusing(400, body=b'"' + b"x" * 3_000_000 + b'"'))

    call = await front.post(chat())

    assert (400, 3_000_002) == (call.status, len(call.body))


async def test_a_call_has_a_bound_over_all_its_attempts(relay):
    """Eight, then the client is told."""
    front, *upstreams = await relay(*[refusing(500)] * 4)

    call = await front.post(chat())

    assert 502 == call.status
    assert 8 == sum(len(upstream.visits) for upstream in upstreams)
    assert 3 >= max(len(upstream.visits) for upstream in upstreams)
