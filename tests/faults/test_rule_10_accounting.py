"""Rule 10, accounting: who served a call, after which attempts, and what was delivered; by both doors, streamed and not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from llmlb_testing.upstream import DONE, FakeUpstream, Visit, chunk, completion, delta, plain, sse_head

from llmlb_core import Usage
from tests.upstream.conftest import Front, chat, open_front, toml_of

from .leaving import Records

FINISH = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
Script = Callable[[Visit], Awaitable[None]]


async def good(visit: Visit) -> None:
    """Answer in three words, and tell usage where that is asked for."""
    document = visit.json
    usage = json.dumps({"id": "c", "choices": [], "usage": USAGE}).encode()
    if document.get("stream"):
        last = b"data: " + usage + b"\n\n" if document.get("stream_options") else b""
        visit.send(sse_head(), *(chunk(delta(word)) for word in ("one ", "two ", "three")), chunk(FINISH + last + DONE), chunk(b""))
    else:
        visit.send(plain(completion("one two three", **({"usage": USAGE} if document.get("told", True) else {}))))


async def failing(visit: Visit) -> None:
    """Be out of order."""
    visit.send(plain({"error": {"message": "a long explanation that nobody asked a model for"}}, 503))


async def breaking(visit: Visit) -> None:
    """Say two words, then cut the stream."""
    visit.send(sse_head(), chunk(delta("one ")), chunk(delta("two ")))
    visit.reset()


@pytest.fixture(params=["wire", "asgi"])
async def open_servers(request, tmp_path) -> AsyncIterator[Callable[..., Awaitable[tuple[Front, Records]]]]:
    """A function that opens a server in front of one fake one for each script, and keeps the records of its calls."""
    async with AsyncExitStack() as stack:

        async def start(*scripts: Script) -> tuple[Front, Records]:
            upstreams = [await stack.enter_async_context(FakeUpstream.open(script)) for script in scripts]
            toml = toml_of(*(each.url for each in upstreams)).replace('"router_auto"', '"router_basic"')
            toml += '\n[routing]\nrouter = "round_robin"\n'
            front = await stack.enter_async_context(open_front(request.param, tmp_path / "data", toml))
            records = Records()
            front.house.pipeline.record._feedbacks = {"test": records}
            return front, records

        yield start


@pytest.mark.parametrize("stream", [False, True])
async def test_rule_10_headers_say_who_served_and_at_which_attempt(open_servers, stream):
    """``x-request-id``, ``x-llmlb-endpoint`` and ``x-llmlb-attempts``; the second of two calls in turn meets the broken server."""
    front, records = await open_servers(good, failing)

    calls = [await front.post(chat(stream=stream)) for _ in range(2)]
    kept = [await records.next() for _ in calls]

    assert [("e0", "1"), ("e0", "2")] == [(call.headers["x-llmlb-endpoint"], call.headers["x-llmlb-attempts"]) for call in calls]
    assert [record.id for record in kept] == [call.headers["x-request-id"] for call in calls]


@pytest.mark.parametrize("stream", [False, True])
async def test_rule_10_an_error_has_the_id_under_which_the_call_is_recorded(open_servers, stream):
    """Nothing served it, so no endpoint is named."""
    front, records = await open_servers(failing)

    call = await front.post(chat(stream=stream))
    record = await records.next()

    assert (record.id, False) == (call.headers["x-request-id"], "x-llmlb-endpoint" in call.headers)
    assert record.attempt_count >= 1


@pytest.mark.parametrize("stream", [False, True])
async def test_rule_10_attempts_are_recorded_in_order(open_servers, stream):
    """With endpoint, model, outcome, reason, rule and duration; the failed one is no completion."""
    front, records = await open_servers(good, failing)

    for _ in range(2):
        await front.post(chat(stream=stream))
    first, second = await records.next(), await records.next()

    assert [("e0", "m", "completed", "", "")] == [facts(each) for each in first.all_attempts()]
    assert [("e1", "m", "failed", "bad_gateway", ""), ("e0", "m", "completed", "", "failover")] == [
        facts(each) for each in second.all_attempts()
    ]
    assert all(each.duration_s > 0 for each in second.all_attempts())
    assert sum(each.duration_s for each in second.all_attempts()) <= second.duration_s


def facts(attempt):
    """Return what is told of *attempt*."""
    return attempt.endpoint, attempt.model, attempt.outcome, attempt.reason, attempt.rule


@pytest.mark.parametrize("fields", [{}, {"stream": True, "stream_options": {"include_usage": True}}])
async def test_rule_10_usage_is_what_the_server_reports(open_servers, fields):
    """Plain, and streamed where it was asked for."""
    front, records = await open_servers(good)

    await front.post(chat(**fields))

    assert Usage(7, 5) == (await records.next()).usage


async def test_rule_10_usage_that_nobody_reports_is_counted(open_servers):
    """An event with content is a token; role, finish and ``[DONE]`` are none."""
    front, records = await open_servers(good)

    await front.post(chat(stream=True))

    assert Usage(0, 3, is_counted=True) == (await records.next()).usage


async def test_rule_10_the_text_of_an_error_is_not_counted(open_servers):
    """A stream that breaks delivered what came before; the error in it is no answer."""
    front, records = await open_servers(breaking)

    call = await front.post(chat(stream=True))
    record = await records.next()

    assert b'"error"' in call.body
    assert ("failed", Usage(0, 2, is_counted=True, is_partial=True)) == (record.ending, record.usage)


async def test_rule_10_a_call_that_failed_has_no_usage(open_servers):
    """However long the server's explanation was."""
    front, records = await open_servers(failing)

    await front.post(chat())

    assert (await records.next()).usage is None
