from __future__ import annotations

import asyncio
import itertools
import threading
from contextlib import aclosing

import pytest

from llmlb_core import Cancel, TextDelta
from llmlb_core.errors import EngineFailed
from llmlb_core.worker.generation import generate, threads

FOREVER_S = 20


def endless(_request):
    return ("word " for _ in itertools.count())


@pytest.mark.parametrize("n", [1, 3])
async def test_cancel_ends_the_call_and_counts_it_as_partial(engine_class, model, chat, n):
    """Text stops, engine code has ended, and usage so far is told."""
    engine, cancel, results = engine_class(endless), Cancel(), []

    async with asyncio.timeout(FOREVER_S), aclosing(generate(engine, model, chat(n=n), cancel)) as deltas:
        async for delta in deltas:
            results.append(delta)
            if len(results) == 5:
                cancel.set()

    assert results[-1].usage.is_partial
    assert results[-1].usage.completion_tokens >= 5
    assert [None] * len(results) == [delta.finish for delta in results]
    assert (len(engine.requests), 0) == (engine.closed, engine.running)


@pytest.mark.parametrize("n", [1, 3])
async def test_closing_the_iterator_ends_the_engine(engine_class, model, chat, n):
    """A client that left leaves no engine code behind."""
    engine = engine_class(endless)

    async with asyncio.timeout(FOREVER_S), aclosing(generate(engine, model, chat(n=n), Cancel())) as deltas:
        await anext(deltas)

    assert (len(engine.requests), 0) == (engine.closed, engine.running)


@pytest.mark.parametrize("n", [1, 3])
async def test_cancelling_the_task_ends_the_engine(engine_class, model, chat, n):
    """The same by way of a cancelled task."""
    engine, began = engine_class(endless), asyncio.Event()

    async def consume() -> None:
        async with aclosing(generate(engine, model, chat(n=n), Cancel())) as deltas:
            async for _ in deltas:
                began.set()

    task = asyncio.create_task(consume())
    async with asyncio.timeout(FOREVER_S):
        await began.wait()
        task.cancel()
        await asyncio.wait([task])

    assert task.cancelled()
    assert (len(engine.requests), 0) == (engine.closed, engine.running)


async def test_async_engine_that_waits_is_interrupted(async_engine, model, chat):
    """A cancel reaches an async engine wherever it waits."""
    engine, cancel = async_engine(lambda _request: ["a", "..."]), Cancel()

    async with asyncio.timeout(FOREVER_S), aclosing(generate(engine, model, chat(), cancel)) as deltas:
        first = await anext(deltas)
        asyncio.get_running_loop().call_later(0.01, cancel.set)
        rest = [delta async for delta in deltas]

    assert "a" == first.text
    assert [True] == [delta.usage.is_partial for delta in rest]
    assert 1 == engine.closed


async def test_plain_engine_that_waits_is_told(sync_engine, model, chat):
    """An engine that waits in its library registers a callback with its cancel, and ends."""
    cancel, waiting = Cancel(), threading.Event()
    engine = sync_engine(lambda _request: ["never"])

    def wait_for_cancel(request, cancel_of_sequence):
        stopped = threading.Event()
        cancel_of_sequence.on_set(stopped.set)
        waiting.set()
        stopped.wait(FOREVER_S)
        return
        yield

    engine.generate = wait_for_cancel
    call = asyncio.create_task(anext(generate(engine, model, chat(), cancel)))
    async with asyncio.timeout(FOREVER_S):
        await asyncio.to_thread(waiting.wait, FOREVER_S)
        cancel.set()
        last = await call

    assert last.usage.is_partial


async def test_slow_reader_slows_the_engine(engine_class, model, chat):
    """Only so many deltas are made ahead of a client that does not read."""
    engine = engine_class(endless)

    async with asyncio.timeout(FOREVER_S), aclosing(generate(engine, model, chat(), Cancel())) as deltas:
        await anext(deltas)
        before = -1
        while engine.yielded != before:
            before = engine.yielded
            await asyncio.sleep(0.05)

    assert engine.yielded < 100


async def test_waiting_for_a_slot_can_be_cancelled(engine_class, model, chat):
    """A call that waits for another call's sequences leaves at once."""
    engine, cancel = engine_class(endless, max_concurrency=1), Cancel()

    async with asyncio.timeout(FOREVER_S), aclosing(generate(engine, model, chat(), Cancel())) as running:
        await anext(running)
        waiting = asyncio.create_task(anext(generate(engine, model, chat(), cancel)))
        await asyncio.sleep(0.05)
        cancel.set()
        result = await waiting

    assert (0, True) == (result.usage.completion_tokens, result.usage.is_partial)
    assert 1 == len(engine.requests)


async def test_slots_are_given_back_by_calls_of_every_ending(engine_class, ask, model, chat):
    """After a close, a cancel while waiting and an error, the one slot is free again."""
    engine = engine_class(endless, max_concurrency=1)
    async with aclosing(generate(engine, model, chat(), Cancel())) as deltas:
        await anext(deltas)
        waiting = asyncio.create_task(anext(generate(engine, model, chat(), Cancel())))
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.wait([waiting])
    engine.script = lambda _request: [RuntimeError("kaputt")]
    with pytest.raises(RuntimeError):
        await ask(engine, chat())
    engine.script = lambda _request: ["ok"]

    answers = await ask(engine, chat())

    assert {0: "ok"} == answers.texts


async def test_engine_that_ignores_its_cancel_is_reported(sync_engine, model, chat, monkeypatch):
    """Nobody waits for such an engine for ever; the error says that its worker must go."""
    monkeypatch.setattr("llmlb_core.worker.generation.streams.STOP_TIMEOUT_S", 0.1)
    monkeypatch.setattr(threads, "STOP_TIMEOUT_S", 0.1)
    engine, release = sync_engine(endless), threading.Event()

    def deaf(request, cancel):
        yield TextDelta("a")
        release.wait(FOREVER_S)

    engine.generate = deaf
    deltas = generate(engine, model, chat(), Cancel())
    async with asyncio.timeout(FOREVER_S):
        await anext(deltas)

        with pytest.raises(EngineFailed, match="after it was cancelled"):
            await deltas.aclose()

    release.set()
