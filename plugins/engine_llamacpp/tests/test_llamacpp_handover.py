from __future__ import annotations

import asyncio
import threading

import pytest
from llmlb_engine_llamacpp.events import EventReader
from llmlb_engine_llamacpp.handover import CAPACITY, Handover

from llmlb_core.errors import ContextLengthExceeded, EngineFailed, InvalidRequest


async def test_events_arrive_in_order_from_a_faster_thread() -> None:
    """Ten thousand events from a thread that never pauses arrive whole and in order, at most ``CAPACITY`` ahead."""
    handover = Handover()
    ahead: list[int] = []

    def produce() -> None:
        for number in range(10_000):
            assert not handover.feed(b"%d" % number)
            ahead.append(len(handover._events))
        handover.end()

    threading.Thread(target=produce, daemon=True).start()
    async with asyncio.timeout(30):
        events = [int(event) async for event in handover.events()]

    assert list(range(10_000)) == events
    assert max(ahead) <= CAPACITY


async def test_error_comes_after_the_events_before_it() -> None:
    """What was answered before a failure is not lost."""
    handover = Handover()
    handover.feed(b"1")
    handover.end(EngineFailed("broken"))

    events = handover.events()
    first = await anext(events)
    with pytest.raises(EngineFailed, match="broken"):
        await anext(events)

    assert b"1" == first


async def test_abandoned_handover_frees_a_thread_that_waits_for_room() -> None:
    """A thread that waits because nobody reads is told to stop."""
    handover = Handover()
    answers: list[bool] = []

    def produce() -> None:
        while not (answers and answers[-1]):
            answers.append(handover.feed(b"x"))

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    async with asyncio.timeout(10):
        while len(handover._events) < CAPACITY:  # noqa: ASYNC110  # the thread tells nobody
            await asyncio.sleep(0.01)

    handover.abandon()
    await asyncio.to_thread(thread.join, 10)

    assert not thread.is_alive()
    assert [] == [event async for event in handover.events()]


def test_events_of_every_kind_are_read() -> None:
    """Progress, tokens and the end become deltas whose counts add up; what says nothing is skipped."""
    reader = EventReader(top_logprobs=None)
    events = [
        b'{"choices":[{"text":"","index":0}],"prompt_progress":{"total":9,"cache":4,"processed":0}}',
        b'{"choices":[{"text":"","index":0}],"prompt_progress":{"total":9,"cache":4,"processed":9}}',
        b'{"choices":[{"text":"a"}],"timings":{"predicted_n":1}}',
        b'{"choices":[{"text":""}],"timings":{"predicted_n":2}}',
        '{"choices":[{"text":"é"}],"timings":{"predicted_n":4}}'.encode(),
        b'{"choices":[{"finish_reason":"stop"}],"usage":{"completion_tokens":5,"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":4}}}',
        b"[DONE]",
    ]

    deltas = [delta for delta in map(reader.read, events) if delta is not None]

    assert [("", 0), ("a", 1), ("é", 3), ("", 1)] == [(delta.text, delta.token_count) for delta in deltas]
    assert (9, 4, "stop", True) == (deltas[-1].prompt_tokens, deltas[-1].cached_tokens, deltas[-1].finish, reader.is_done)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (
            b'{"error":{"code":400,"message":"m","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":4}}',
            ContextLengthExceeded,
        ),
        (b'{"error":{"code":400,"message":"m","type":"invalid_request_error"}}', InvalidRequest),
        (b'{"error":{"code":500,"message":"m","type":"server_error"}}', EngineFailed),
        (b'{"choices":7}', EngineFailed),
        (b"ping", EngineFailed),
    ],
)
def test_errors_of_llama_cpp_become_ours(event: bytes, error: type[Exception]) -> None:
    """An error document raises what it means; something unknown raises what was seen."""
    with pytest.raises(error):
        EventReader(top_logprobs=None).read(event)


def test_infinite_logprobs_are_bounded() -> None:
    """A probability of zero is OpenAI's -9999, and never above 0."""
    event = (
        b'{"choices":[{"text":"a","logprobs":{"content":[{"id":1,"token":"a","bytes":[97],"logprob":null,'
        b'"top_logprobs":[{"id":2,"token":"","bytes":[],"logprob":1e-9}]}]}}],"timings":{"predicted_n":1}}'
    )

    delta = EventReader(top_logprobs=1, end_token=(2, "<end>")).read(event)

    assert delta is not None
    (entry,) = delta.logprobs
    assert (-9999.0, 0.0, "<end>") == (entry.logprob, entry.top[0].logprob, entry.top[0].token)
