"""Streams that break after their first content are gone on with at another server, where that says the same (rule 7)."""

from __future__ import annotations

import asyncio
import json
import tracemalloc

import pytest
from llmlb_testing.upstream import DONE, END_MARK, chunk, delta, finish, sse_head

from .conftest import chat

WORDS = ["one ", "two ", "three ", "four ", "five"]
STREAM = chat(stream=True, temperature=0)


def said(*words: str, **members: object) -> bytes:
    """Return chunks."""
    return b"".join(delta(word, **members) for word in words)


def text_of(body: bytes) -> str:
    """Return all text of a stream."""
    chunks = [json.loads(line[6:]) for line in body.split(b"\n\n") if line.startswith(b"data: {")]
    return "".join(choice["delta"].get("content") or "" for each in chunks for choice in each.get("choices", []))


class Breaking:
    """A server that says *words* up to *at* and breaks when the client has them."""

    def __init__(self, how: str = "reset", at: int = 3) -> None:
        self.how, self.at = how, at
        self.may_break = asyncio.Event()

    async def __call__(self, visit):
        visit.send(sse_head(), chunk(said(*WORDS[: self.at], id="first")))
        async with asyncio.timeout(10):
            await self.may_break.wait()
        if self.how == "stall":
            await visit.gone()
        elif self.how in ENDS:
            visit.send(*ENDS[self.how])
        else:
            visit.reset()


ENDS = {
    "end": [chunk(b"")],
    "end mark": [chunk(END_MARK), chunk(b"")],
    "garbage": [chunk(b"data: {nonsense\n\n")],
    "no HTTP": [b"nonsense"],
    "error": [chunk(b'data: {"error":{"message":"out of memory","code":500}}\n\n')],
}


async def broken(front, *servers, body=STREAM):
    """Call; let each server break when all of its words have come; return the answer."""
    call = await front.open(body)
    for server in servers:
        await call.until(lambda server=server: text_of(call.body) == "".join(WORDS[: server.at]))
        server.may_break.set()
    return await call.ended()


def whole(words=WORDS, piece=1):
    """Return a script that says all, several words in a chunk."""

    async def script(visit):
        pieces = ["".join(words[at : at + piece]) for at in range(0, len(words), piece)]
        visit.send(
            sse_head(), chunk(said("", *pieces, id="second", created=2)), chunk(finish(id="second")), chunk(END_MARK), chunk(b"")
        )

    return script


@pytest.mark.parametrize("piece", [1, 2, 5])
@pytest.mark.parametrize("how", ["reset", "stall", *ENDS])
async def test_a_stream_that_breaks_is_completed_by_replay(relay, how, piece):
    """However it breaks and however the other server cuts its text: the client sees one answer, with one id."""
    breaking = Breaking(how)
    front, first, second = await relay(breaking, whole(piece=piece), extra="timeouts = { idle_s = 0.4 }")

    call = await broken(front, breaking)

    assert "".join(WORDS) == text_of(call.body)
    assert (200, True, 1) == (call.status, call.is_whole, call.body.count(b"[DONE]"))
    ids = {json.loads(line[6:])["id"] for line in call.body.split(b"\n\n") if line.startswith(b"data: {")}
    assert {"first"} == ids
    assert (1, 1) == (len(first.visits), len(second.visits))


@pytest.mark.parametrize("words", [["one ", "2 ", "three "], ["one ", "two "]])
async def test_another_answer_is_not_passed_on(relay, words):
    """Other words, or fewer: one error in band, no end mark, nothing of the other answer."""
    breaking = Breaking()
    front, *_ = await relay(breaking, whole(words))

    call = await broken(front, breaking)

    assert said(*WORDS[:3], id="first") == call.body[: call.body.index(b'data: {"error"')]
    assert (1, 0) == (call.body.count(b'"error"'), call.body.count(b"[DONE]"))


async def test_an_answer_that_was_all_delivered_is_finished(relay):
    """The other server has nothing to add but its finish reason."""
    breaking = Breaking()
    front, *_ = await relay(breaking, whole(["one", " two three "]))

    call = await broken(front, breaking)

    assert ("".join(WORDS[:3]), 1) == (text_of(call.body), call.body.count(b"[DONE]"))


async def test_a_stream_may_break_twice(relay):
    """The third server goes on where the second broke."""
    first, second = Breaking(at=2), Breaking(at=4)
    front, *_ = await relay(first, second, whole())

    call = await broken(front, first, second)

    assert "".join(WORDS) == text_of(call.body)
    assert 1 == call.body.count(b"[DONE]")


async def test_the_only_server_is_asked_again(relay):
    """After a pause; it may have been a hiccup."""
    breaking = Breaking()
    scripts = [breaking, whole()]

    async def script(visit):
        await scripts.pop(0)(visit)

    front, _ = await relay(script)

    call = await broken(front, breaking)

    assert "".join(WORDS) == text_of(call.body)


async def test_a_long_request_is_not_kept(relay):
    """Beyond 256 KiB nothing is replayed: one error in band."""
    breaking = Breaking()
    front, _, second = await relay(breaking, whole())
    body = chat(stream=True, messages=[{"role": "user", "content": "x" * 300_000}])

    call = await broken(front, breaking, body=body)

    assert (1, 0) == (call.body.count(b'"error"'), call.body.count(b"[DONE]"))
    assert [] == second.visits


async def test_a_long_request_is_let_go_of_while_its_stream_runs(relay):
    """Thousands of streams with long prompts must not hold them all."""
    breaking = Breaking()
    front, _ = await relay(breaking)
    tracemalloc.start()
    try:
        call = await front.open(chat(stream=True, messages=[{"role": "user", "content": "x" * 5_000_000}]))
        await call.until(lambda: b"three" in call.body)
        ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/llmlb_core/*")])
    finally:
        tracemalloc.stop()
    call.leave()
    breaking.may_break.set()

    assert sum(each.size for each in ours.statistics("filename")) < 1_000_000


async def test_an_end_mark_that_is_missing_is_added(relay):
    """With its finish reason the answer was whole."""

    async def script(visit):
        visit.send(sse_head(), chunk(said(*WORDS)), chunk(finish()), chunk(b""))

    front, _ = await relay(script)

    call = await front.post(STREAM)

    assert (said(*WORDS) + DONE, True) == (call.body, call.is_whole)


@pytest.mark.parametrize("how", ["reset", "silent", "garbage"])
async def test_after_its_finish_nothing_can_break_a_stream(relay, how):
    """It is complete at the end of the body, or a second later."""
    go_on = asyncio.Event()

    async def script(visit):
        visit.send(sse_head(), chunk(said(*WORDS)), chunk(finish()))
        await go_on.wait()
        if how == "reset":
            visit.reset()
        elif how == "garbage":
            visit.send(b"garbage")
        else:
            await visit.gone()

    front, _ = await relay(script)

    call = await front.open(STREAM)
    await call.holds(finish())
    go_on.set()
    await call.ended()

    assert (said(*WORDS) + DONE, True) == (call.body, call.is_whole)


async def test_usage_that_was_asked_for_is_waited_for(relay):
    """It comes after the finish reason."""
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'

    async def script(visit):
        visit.send(sse_head(), chunk(said(*WORDS)), chunk(finish()))
        await visit.drained()
        visit.send(chunk(usage), chunk(END_MARK), chunk(b""))

    front, _ = await relay(script)

    call = await front.post(chat(stream=True, stream_options={"include_usage": True}))

    assert said(*WORDS) + finish() + usage + END_MARK == call.body


async def test_roles_do_not_commit(relay):
    """What breaks before its first content is tried elsewhere, and the client sees nothing of it."""
    role = b'data: {"id":"first","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'

    async def script(visit):
        visit.send(sse_head(), chunk(role), chunk(b""))

    front, *_ = await relay(script, whole())

    call = await front.post(STREAM)

    assert "".join(WORDS) == text_of(call.body)
    assert b"first" not in call.body
