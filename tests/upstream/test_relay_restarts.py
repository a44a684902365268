"""A client that asked for it gets another answer from its beginning, where a broken one cannot be gone on with (rule 7)."""

from __future__ import annotations

import asyncio

import openai
import pytest
from llmlb_testing.upstream import END_MARK, chunk, delta, finish, sse_head

from .conftest import CHAT, chat, measured, records_of

WORDS = ["one ", "two ", "three"]
OTHERS = ["uno ", "dos ", "tres ", "cuatro"]
STREAM = chat(stream=True)
ANEW = b'event: llmlb.restart\ndata: {"object":"llmlb.restart","choices":[]}\n\n'
ON = {"x-llmlb-restart": "on"}
BODIES = {CHAT: STREAM, "/v1/completions": b'{"model":"m","prompt":"hi","stream":true}'}


def said(words: list[str], name: str) -> bytes:
    """Return chunks."""
    return b"".join(delta(word, id=name) for word in words)


class Breaking:
    """A server that breaks when the client has what it said."""

    def __init__(self, words: list[str] = WORDS, name: str = "first") -> None:
        self.words, self.name = words, name
        self.may_break = asyncio.Event()

    async def __call__(self, visit):
        visit.send(sse_head(), chunk(said(self.words, self.name)))
        async with asyncio.timeout(10):
            await self.may_break.wait()
        visit.reset()


async def other(visit):
    """Say something else, whole."""
    visit.send(sse_head(), chunk(said(OTHERS, "second")), chunk(finish(id="second")), chunk(END_MARK), chunk(b""))


async def broken(front, breaking, headers=None, **options):
    """Call; let *breaking* break when all of its words have come; return the answer."""
    call = await front.open(options.pop("body", STREAM), headers=headers, **options)
    await call.holds(said(breaking.words, breaking.name))
    breaking.may_break.set()
    return await call.ended()


@pytest.mark.parametrize("value", ["on", " ON "])
async def test_another_answer_is_announced_and_sent_whole(relay, value):
    """After one event of its own kind, with its own ids; the server never sees what the client asked llmlb for."""
    breaking = Breaking()
    front, first, second = await relay(breaking, other)

    call = await broken(front, breaking, {"x-llmlb-restart": value})

    assert said(WORDS, "first") + ANEW + said(OTHERS, "second") + finish(id="second") + END_MARK == call.body
    assert call.is_whole
    assert all(b"restart" not in visit.head for visit in (*first.visits, *second.visits))


@pytest.mark.parametrize("headers", [None, {"x-llmlb-restart": "off"}, {"x-llmlb-restart": ""}])
async def test_whoever_did_not_ask_gets_the_error(relay, headers):
    """Nothing of the other answer."""
    breaking = Breaking()
    front, *_ = await relay(breaking, other)

    call = await broken(front, breaking, headers)

    assert (1, 0, 0) == (call.body.count(b'"error"'), call.body.count(b"restart"), call.body.count(b"[DONE]"))


async def test_a_replay_that_is_the_same_comes_first(relay):
    """Where the rest can be had, nothing begins anew."""
    breaking = Breaking()

    async def same(visit):
        visit.send(sse_head(), chunk(said([*WORDS, " four"], "second")), chunk(finish()), chunk(END_MARK), chunk(b""))

    front, *_ = await relay(breaking, same)

    call = await broken(front, breaking, ON)

    assert (0, 1) == (call.body.count(b"restart"), call.body.count(b"[DONE]"))
    assert b" four" in call.body


async def test_an_answer_begins_anew_once(relay):
    """One that breaks again and cannot be gone on with is told as an error."""
    first, second, third = Breaking(), Breaking(OTHERS, "second"), Breaking(["eins ", "zwei ", "drei ", "vier"], "third")
    front, *_ = await relay(first, second, third)

    call = await front.open(STREAM, headers=ON)
    await call.holds(said(WORDS, "first"))
    first.may_break.set()
    await call.holds(ANEW)
    second.may_break.set()
    third.may_break.set()
    await call.ended()

    assert (1, 1, 0) == (call.body.count(ANEW), call.body.count(b'"error"'), call.body.count(b"[DONE]"))


async def test_a_break_that_nobody_can_mend_announces_nothing(relay):
    """An announcement without an answer behind it would take the client's text for nothing."""
    breaking = Breaking()
    front, *_ = await relay(breaking, models=['["m"]'], extra="max_in_flight = 1", tail="[dispatch]\nmax_attempts = 1")

    call = await broken(front, breaking, ON)

    assert (0, 1) == (call.body.count(b"restart"), call.body.count(b'"error"'))


async def test_rule_10_a_replay_that_differed_is_counted(relay):
    """Beside what attempts tell: metrics have the number."""
    breaking = Breaking()
    front, *_ = await relay(breaking, other)

    await broken(front, breaking)
    await front.idle()

    assert {(): 1} == measured(front, "replays_differed")


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
async def test_rule_10_attempts_and_metrics_show_a_restart(relay, path):
    """In order, each with its rule: what broke, the replay that differed, and what began anew."""
    breaking = Breaking()
    front, *_ = await relay(breaking, other)
    records = records_of(front)

    call = await broken(front, breaking, ON, body=BODIES[path], path=path)
    await front.idle()

    shown = [(each.endpoint, each.outcome, each.reason, each.rule) for each in records[0].all_attempts()]
    assert [
        ("e0", "failed", "bad_gateway", ""),
        ("e1", "failed", "replay_differs", "replay"),
        ("e1", "completed", "", "restart"),
    ] == shown
    assert call.body.endswith(ANEW + said(OTHERS, "second") + finish(id="second") + END_MARK)
    assert {("replay", "failed"): 1, ("restart", "completed"): 1} == measured(front, "recoveries")
    assert {("finished_by_restart",): 1} == measured(front, "streams")


async def test_the_official_client_reads_over_the_announcement(relay):
    """Whoever does not know the event sees a chunk without choices."""
    breaking = Breaking()
    front, *_ = await relay(breaking, other)
    host, port = front.address
    chunks = []

    async with openai.AsyncOpenAI(base_url=f"http://{host}:{port}/v1", api_key="x", max_retries=0, timeout=10) as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True, extra_headers=ON
        )
        async for each in stream:
            chunks.append(each)
            if len(chunks) == len(WORDS):
                breaking.may_break.set()

    at = next(number for number, each in enumerate(chunks) if each.object == "llmlb.restart")
    assert [] == chunks[at].choices
    assert "".join(OTHERS) == "".join(each.choices[0].delta.content or "" for each in chunks[at + 1 :] if each.choices)
    assert WORDS == [each.choices[0].delta.content for each in chunks[:at]]
