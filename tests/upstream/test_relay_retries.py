"""Rules 1 to 3 of answers that arrive whole: what is tried again, where, how often and when."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from .conftest import chat

TOO_LONG = {
    "error": {"message": "This model's maximum context length is 8 tokens.", "type": "invalid_request_error", "param": "messages"}
}


def answering(status: int, *lines: str, body: object = None):
    """Return a script that answers *status*."""

    async def answer(visit):
        visit.send(plain(body or {"error": {"message": "no"}}, status, *lines))

    return answer


async def good(visit):
    """Answer as asked, by the name of the model."""
    text = f"good {visit.json['model']}"
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta(text)), chunk(DONE), chunk(b""))
    else:
        visit.send(plain(completion(text)))


def first_then(*scripts):
    """Return a script that is the first of *scripts* at the first request, and so on; the last one stays."""
    left = list(scripts)

    async def answer(visit):
        await (left.pop(0) if len(left) > 1 else left[0])(visit)

    return answer


async def reset(visit):
    """Break before a byte."""
    visit.reset()


async def empty(visit):
    """End a stream that holds nothing, or a plain answer that is cut."""
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(b": nothing\n\n"), chunk(b""))
    else:
        visit.send(plain(b'{"choices": [{"mess'))


FAILURES = {
    "408": answering(408),
    "500": answering(500),
    "503": answering(503),
    "529": answering(529),
    "reset": reset,
    "empty": empty,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("failure", FAILURES)
async def test_rule_2_and_3_the_only_endpoint_is_asked_again_after_back_off(relay, failure, stream):
    """What may be over in a moment is tried at the same endpoint, where there is no other."""
    front, upstream = await relay(first_then(FAILURES[failure], FAILURES[failure], good))

    call = await front.post(chat(stream=stream))

    assert (200, "3", 3) == (call.status, call.headers["x-llmlb-attempts"], len(upstream.visits))
    assert b"good m" in call.body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_rule_2_no_refusal_is_tried_at_the_same_endpoint_again(relay, status, stream):
    """Neither one of the request nor one of our own credential."""
    front, upstream = await relay(answering(status))

    call = await front.post(chat(stream=stream))

    assert call.status in (status, 502)
    assert 1 == len(upstream.visits)


async def test_rule_3_another_endpoint_comes_before_the_same_again(relay):
    """At once, without back-off; then those that failed, in turn."""
    order: list[str] = []

    def noting(name, script):
        async def answer(visit):
            order.append(name)
            await script(visit)

        return answer

    front, *_ = await relay(*[noting(name, first_then(answering(500), good)) for name in "abc"])

    call = await front.post(chat())

    assert (200, "4") == (call.status, call.headers["x-llmlb-attempts"])
    assert {"a", "b", "c"} == set(order[:3])


async def test_rule_3_at_most_three_attempts_on_one_endpoint(relay):
    """Then the client is told what the last one failed with."""
    front, upstream = await relay(answering(503, "retry-after: 0"))

    call = await front.post(chat())

    assert (502, 3) == (call.status, len(upstream.visits))


@pytest.mark.parametrize("status", [429, 503])
async def test_rule_3_retry_after_is_waited_for_where_there_is_no_other_endpoint(relay, status):
    """One second, as it asked for; then it is asked again."""
    front, upstream = await relay(first_then(answering(status, "retry-after: 1"), good))
    began_at = time.monotonic()

    call = await front.post(chat())

    assert (200, 2) == (call.status, len(upstream.visits))
    assert time.monotonic() - began_at >= 1.0


@pytest.mark.parametrize("status", [429, 503])
async def test_rule_3_with_another_endpoint_a_retry_after_costs_nothing(relay, status):
    """The call goes there at once."""
    front, *_ = await relay(answering(status, "retry-after: 4"), good)
    began_at = time.monotonic()

    calls = [await front.post(chat()) for _ in range(2)]

    assert [200, 200] == [call.status for call in calls]
    assert time.monotonic() - began_at < 4


async def test_rule_3_a_long_retry_after_is_told(relay):
    """More than five seconds is not waited for; the client hears when."""
    front, upstream = await relay(answering(429, "retry-after: 30"))

    call = await front.post(chat())

    assert (429, "30", 1) == (call.status, call.headers["retry-after"], len(upstream.visits))


async def test_rule_3_back_off_holds_no_slot_and_ends_with_the_client(relay):
    """While it waits nothing is leased; a client that leaves is not tried for any more."""
    front, upstream = await relay(answering(503, "retry-after: 4"))

    call = await front.open(chat())
    await upstream.visited()
    server = front.servers[0]
    async with asyncio.timeout(5):
        while server.in_flight:  # noqa: ASYNC110  # nothing tells a test when a slot is given back
            await asyncio.sleep(0.01)
    assert 1 == front.house.pipeline.running.count
    call.leave()
    await call.ended()
    await front.idle()

    assert 1 == len(upstream.visits)


async def test_rule_3_the_budget_bounds_what_is_repeated(relay):
    """A failing endpoint gets its calls and few more, however many calls come."""
    front, upstream = await relay(answering(500), tail=NO_BREAKER)

    for _ in range(40):
        call = await front.post(chat())
        assert 502 == call.status

    assert 40 <= len(upstream.visits) <= 40 + 10 + 8


NO_BREAKER = "[circuit_breaker]\nfailure_count = 0\nerror_rate_0_1 = 0\n"
FALLBACK = '[models."m"]\nfallback = ["spare", "nobody", "last"]\n'


@pytest.fixture
def spared(relay):
    """Opens a server whose model ``m`` is at the first upstream, and its fallback ``spare`` at the second."""

    async def start(first, second, third=None, **options):
        scripts = [first, second] + ([third] if third else [])
        models = ['["m"]', '["spare"]', '["last"]'][: len(scripts)]
        return await relay(*scripts, models=models, tail=FALLBACK, **options)

    return start


@pytest.mark.parametrize("stream", [False, True])
async def test_rule_3_a_fallback_model_serves_what_the_model_cannot(spared, stream):
    """Its name goes to its endpoint; the answer's headers say who it was."""
    front, first, second = await spared(answering(500), good)

    call = await front.post(chat(stream=stream))

    assert (200, "e1", "4") == (call.status, call.headers["x-llmlb-endpoint"], call.headers["x-llmlb-attempts"])
    assert b"good spare" in call.body
    assert (3, 1) == (len(first.visits), len(second.visits))


async def test_a_model_that_is_not_here_is_served_by_its_fallback(relay):
    """Nothing needs to know the model itself."""
    front, _ = await relay(good, models='["spare"]', tail=FALLBACK)

    call = await front.post(chat())

    assert (200, "1") == (call.status, call.headers["x-llmlb-attempts"])
    assert b"good spare" in call.body


async def test_a_call_may_refuse_fallback_models(spared):
    """By a header; then the last word is the model's own."""
    front, _, second = await spared(answering(500), good)

    call = await front.post(chat(), headers={"x-llmlb-fallback": "off"})

    assert (502, 0) == (call.status, len(second.visits))


async def test_a_long_retry_after_leads_to_the_fallback_at_once(spared):
    """More than five seconds is not waited for."""
    front, first, _ = await spared(answering(429, "retry-after: 60"), good)

    call = await front.post(chat())

    assert (200, 1) == (call.status, len(first.visits))


async def test_each_fallback_is_tried_in_order(spared):
    """Unknown ones are passed over."""
    front, _, second, third = await spared(answering(429, "retry-after: 60"), answering(429, "retry-after: 60"), good)

    call = await front.post(chat())

    assert (200, "e2", 1, 1) == (call.status, call.headers["x-llmlb-endpoint"], len(second.visits), len(third.visits))


@pytest.mark.parametrize("stream", [False, True])
async def test_rule_2_a_prompt_that_is_too_long_goes_to_the_fallback(spared, stream):
    """Never again to the same model."""
    front, first, second = await spared(answering(400, body=TOO_LONG), good)

    call = await front.post(chat(stream=stream))

    assert (200, 1, 1) == (call.status, len(first.visits), len(second.visits))
    assert b"good spare" in call.body


@pytest.mark.parametrize("stream", [False, True])
async def test_rule_2_a_prompt_that_is_too_long_for_all_is_told_in_the_servers_words(relay, stream):
    """Another endpoint of the same model is not asked."""
    front, *upstreams = await relay(answering(400, "x-x: 1", body=TOO_LONG), answering(400, "x-x: 1", body=TOO_LONG))

    call = await front.post(chat(stream=stream))

    assert (400, TOO_LONG, "1") == (call.status, json.loads(call.body), call.headers["x-llmlb-attempts"])
    assert 1 == sum(len(upstream.visits) for upstream in upstreams)


async def test_rule_2_a_content_filter_is_passed_on_with_its_reason(spared):
    """As a 400 in the server's own words; a 403 of a filter is no matter of our key."""
    reason = {"error": {"message": "The prompt is about cats.", "code": "content_filter"}}
    front, first, second = await spared(answering(400, body=reason), good)

    refused = await front.post(chat())
    first.script = answering(403, body=reason)
    forbidden = await front.post(chat())

    assert (400, reason) == (refused.status, json.loads(refused.body))
    assert (400, "content_filter") == (forbidden.status, forbidden.error["code"])
    assert "about cats" in forbidden.error["message"]
    assert 0 == len(second.visits)
