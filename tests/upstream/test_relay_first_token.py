"""Rule 4: a stream that is slow to begin moves once; and the option to ask a second endpoint meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from .conftest import chat

SWITCH = "[endpoints.timeouts]\nswitch_s = 0.3\n"
ALONE = "[endpoints.timeouts]\nswitch_s = 0.2\nfirst_token_s = 1.5\n"


def streaming(text: str, delay_s: float = 0.0, *, has_head: bool = True):
    """Return a script whose first content comes after a while."""

    async def answer(visit):
        if has_head:
            visit.send(sse_head(), chunk(b": hello\n\n"))
        await asyncio.sleep(delay_s)
        if not has_head:
            visit.send(sse_head())
        visit.send(chunk(delta(text)), chunk(DONE), chunk(b""))

    return answer


def silent(*, has_head: bool):
    """Return a script that never says anything."""

    async def answer(visit):
        if has_head:
            visit.send(sse_head())
        await visit.gone()

    return answer


@pytest.mark.parametrize("has_head", [False, True])
async def test_rule_4_a_stream_without_content_moves_where_another_endpoint_has_the_model(relay, has_head):
    """With its head or without; and the silent endpoint is not asked again."""
    front, first, second = await relay(silent(has_head=has_head), silent(has_head=has_head), extra=SWITCH)

    calls = []
    for _ in range(2):
        opened = await front.open(chat(stream=True))
        await asyncio.sleep(0)
        for upstream in (first, second):
            upstream.script = silent(has_head=has_head)
        visited = await _first_visited(first, second)
        other = second if visited is first else first
        other.script = streaming("good")
        calls.append(await opened.ended())
        first.visits.clear()
        second.visits.clear()

    assert [(200, "2")] * 2 == [(call.status, call.headers["x-llmlb-attempts"]) for call in calls]
    assert all(b"good" in call.body for call in calls)


async def _first_visited(*upstreams):
    """Return who got the call."""
    tasks = {asyncio.create_task(upstream.visited()): upstream for upstream in upstreams}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.wait(tasks)
    return tasks[done.pop()]


async def test_rule_4_a_stream_moves_for_slowness_once(relay):
    """Then it waits for what it has: two slow endpoints serve it all the same."""
    front, first, second = await relay(streaming("good", 0.9), streaming("good", 0.9), extra=SWITCH)

    call = await front.post(chat(stream=True))

    assert (200, "2") == (call.status, call.headers["x-llmlb-attempts"])
    assert (1, 1) == (len(first.visits), len(second.visits))


@pytest.mark.parametrize("stop_other", [False, True])
async def test_rule_4_a_slow_stream_is_waited_for_where_nothing_else_could_serve_it(relay, stop_other):
    """Alone, or with an endpoint that is known to be down."""
    front, upstream, *others = await relay(
        *[streaming("good", 0.8)] * (2 if stop_other else 1), extra=ALONE, models=['["m"]', '["n"]'][: 2 if stop_other else 1]
    )

    call = await front.post(chat(stream=True))

    assert (200, "1", 1) == (call.status, call.headers["x-llmlb-attempts"], len(upstream.visits))
    assert [0] * len(others) == [len(other.visits) for other in others]


async def test_rule_4_a_stream_that_never_begins_ends_where_there_is_nothing_else(relay):
    """After its own limit, and it is not asked again."""
    front, upstream = await relay(silent(has_head=True), extra=ALONE)

    call = await front.post(chat(stream=True))

    assert (504, "first_token_timeout", 1) == (call.status, call.error["code"], len(upstream.visits))


async def test_rule_4_a_long_prompt_gets_longer(relay):
    """1 s for every 2,000 tokens of four bytes."""
    front, first, second = await relay(streaming("good", 0.8), streaming("good", 0.8), extra=SWITCH)

    call = await front.post(chat(stream=True, user="x" * 8000))

    assert (200, "1") == (call.status, call.headers["x-llmlb-attempts"])
    assert 1 == len(first.visits) + len(second.visits)


async def test_rule_4_a_plain_answer_is_not_hurried(relay):
    """Only streams tell that they have begun."""

    async def slow(visit):
        await asyncio.sleep(0.6)
        visit.send(plain(completion("good")))

    front, *_ = await relay(slow, slow, extra=SWITCH)

    call = await front.post(chat())

    assert (200, "1") == (call.status, call.headers["x-llmlb-attempts"])


async def test_a_fallback_model_is_reason_to_move_too(relay):
    """Rule 4 says: another candidate or target."""
    front, first, second = await relay(
        silent(has_head=True),
        streaming("good"),
        extra=SWITCH,
        models=['["m"]', '["spare"]'],
        tail='[models."m"]\nfallback = ["spare"]\n',
    )

    call = await front.post(chat(stream=True))

    assert (200, "e1", 1, 1) == (call.status, call.headers["x-llmlb-endpoint"], len(first.visits), len(second.visits))


HEDGE = "[dispatch]\nhedge = true\nhedge_0_1 = 1.0\n"


async def _warm(front) -> None:
    """Let the model's times be known."""
    for _ in range(21):
        await front.post(chat(stream=True))


async def test_a_hedge_asks_a_second_endpoint_and_the_first_content_wins(relay):
    """The loser is cancelled and holds nothing; both are counted."""
    front, first, second = await relay(streaming("good"), streaming("good"), tail=HEDGE)
    await _warm(front)
    first.visits.clear()
    second.visits.clear()
    opened = [False]

    async def slow_once(visit):
        if opened[0]:
            await streaming("good")(visit)
        else:
            opened[0] = True
            await visit.gone()

    first.script = second.script = slow_once

    call = await front.post(chat(stream=True))
    await front.idle()

    assert (200, "2") == (call.status, call.headers["x-llmlb-attempts"])
    assert (1, 1) == (len(first.visits), len(second.visits))


async def test_a_hedge_that_loses_is_cancelled(relay):
    """The first one is the answer."""
    front, first, second = await relay(streaming("good"), streaming("good"), tail=HEDGE)
    await _warm(front)
    calls = [0]
    hedged = asyncio.Event()

    async def first_wins(visit):
        calls[0] += 1
        if calls[0] == 1:
            await hedged.wait()
            await streaming("first")(visit)
        else:
            hedged.set()
            await visit.gone()

    first.script = second.script = first_wins

    call = await front.post(chat(stream=True))
    await front.idle()

    assert (200, 2) == (call.status, calls[0])
    assert b"first" in call.body


async def test_a_hedge_whose_both_fail_is_tried_on_as_any_other(relay):
    """Both count as attempts."""
    front, first, second = await relay(streaming("good"), streaming("good"), tail=HEDGE)
    await _warm(front)
    calls = [0]
    both = asyncio.Event()

    async def failing(visit):
        calls[0] += 1
        if calls[0] > 2:
            await streaming("third")(visit)
            return
        if calls[0] == 2:
            both.set()
        await both.wait()
        visit.send(plain({}, 500))

    first.script = second.script = failing

    call = await front.post(chat(stream=True))

    assert (200, "3", 3) == (call.status, call.headers["x-llmlb-attempts"], calls[0])


async def test_a_hedge_wins_where_the_first_refuses_the_prompt(relay):
    """The refusal is nobody's answer, and its slot is given back."""
    front, first, second = await relay(streaming("good"), streaming("good"), tail=HEDGE)
    await _warm(front)
    calls = [0]
    hedged = asyncio.Event()

    async def too_long_for_the_first(visit):
        calls[0] += 1
        if calls[0] == 1:
            await hedged.wait()
            visit.send(plain({"error": {"message": "too long", "code": "context_length_exceeded"}}, 400))
        else:
            hedged.set()
            await asyncio.sleep(0.2)
            await streaming("second")(visit)

    first.script = second.script = too_long_for_the_first

    call = await front.post(chat(stream=True))
    await front.idle()

    assert (200, 2) == (call.status, calls[0])
    assert b"second" in call.body


async def test_a_client_that_leaves_ends_both(relay):
    """Within a moment, and nothing is in flight."""
    front, first, second = await relay(streaming("good"), streaming("good"), tail=HEDGE)
    await _warm(front)
    for upstream in (first, second):
        upstream.visits.clear()
        upstream.script = silent(has_head=True)

    call = await front.open(chat(stream=True))
    visits = [await upstream.visited() for upstream in (first, second)]
    call.leave()
    for visit in visits:
        await visit.gone()
    await front.idle()
