"""Calls that a worker answers, and how their errors arrive."""

from __future__ import annotations

import asyncio

import pytest

from llmlb_core.domain.chat import CompletionRequest, EmbeddingRequest
from llmlb_core.domain.results import Vectors
from llmlb_core.errors import ContextLengthExceeded, EngineFailed, InternalError
from llmlb_core.worker.limits import WINDOW_BYTES
from llmlb_core.worker.snapshot import State


async def test_the_first_call_starts_the_worker_and_is_answered(bench):
    """Nobody loads a model by hand."""
    echo = bench.echo()

    text = await bench.answer(echo, "hello big world")

    assert "hello big world" == text
    assert State.READY is echo.state


async def test_an_answer_ends_with_its_finish_and_its_usage(bench):
    """Words come one by one, then the finish, then the usage of the whole call."""
    echo = bench.echo()

    results = [result async for result in bench.open(echo, "one two three four", max_tokens=2)]

    assert ["one", " two"] == [result.text for result in results if result.text]
    assert ["length"] == [result.finish for result in results if result.finish]
    assert 2 == results[-1].usage.completion_tokens


async def test_embeddings_cross_as_one_blob(bench):
    """One row an input, of the asked length."""
    echo = bench.echo(dimension=16)

    (vectors,) = [result async for result in bench.open(echo, request=EmbeddingRequest(inputs=("a", "b", "c"), dimensions=8))]

    assert isinstance(vectors, Vectors)
    assert (3, 8, 3 * 8 * 4) == (vectors.count, vectors.dimension, len(vectors.data))


async def test_a_prompt_as_large_as_a_body_may_be_crosses(bench):
    """20 MiB of text go to the worker in one frame."""
    echo = bench.echo()
    text = "x" * (20 * 1024 * 1024)

    results = [result async for result in bench.open(echo, request=CompletionRequest(prompts=(text,)))]

    assert len(text) == sum(len(result.text) for result in results)


async def test_an_error_of_the_engine_keeps_its_class_and_numbers(bench):
    """Context length exceeded is a 400 with both numbers, not a failed engine."""
    echo = bench.echo(context_tokens=10)

    with pytest.raises(ContextLengthExceeded) as caught:
        await bench.answer(echo, "word " * 40)

    assert 400 == caught.value.status
    assert 10 == caught.value.extras["context_tokens"]


async def test_an_exception_of_the_engine_fails_its_call_and_nothing_else(bench, caplog):
    """The client reads the class, not the text; the server's log has the traceback; the worker runs on."""
    echo = bench.echo(fault="raise_mid_answer", fault_every=2, fault_after_tokens=1)
    await bench.answer(echo)
    pid = bench.pid(echo)

    with pytest.raises(EngineFailed, match="FaultInjected") as caught:
        await bench.answer(echo)
    text = await bench.answer(echo)

    assert "as it was told" not in caught.value.message
    assert "engine:echo" == caught.value.culprit
    logged = [record.getMessage() for record in caplog.records if "FaultInjected" in record.getMessage()]
    assert 1 == len(logged)
    assert "in strike" in logged[0]
    assert "hello big world" == text
    assert pid == bench.pid(echo)


async def test_a_call_without_a_canonical_request_is_a_defect(bench):
    """It says so, and starts nothing."""
    echo = bench.echo()
    call = bench.call()
    call.request = None

    with pytest.raises(InternalError, match="canonical"):
        await anext(echo.open(call, "echo"))

    assert State.STOPPED is echo.state


async def test_no_call_is_lost(bench):
    """200 calls, 32 at a time: each gets its own answer, none is left in flight."""
    echo = bench.echo(delay_s=0.001)
    gate = asyncio.Semaphore(32)

    async def one(number: int) -> str:
        async with gate:
            return await bench.answer(echo, f"call number {number} says hello")

    texts = await asyncio.gather(*(one(number) for number in range(200)))

    assert [f"call number {number} says hello" for number in range(200)] == texts
    assert 0 == echo.snapshot().running_count


async def test_a_slow_reader_holds_a_bounded_part_of_its_answer_and_nobody_else(bench):
    """An answer of many megabytes waits in the engine; other calls of the same worker go on; then all of it arrives."""
    word = "x" * 999
    count = 8000
    echo = bench.echo(model={"parallel_count": 4}, script=[" ".join([word] * count), "quick"])
    slow = bench.open(echo)
    first = (await anext(slow)).text

    others = [await bench.answer(echo, max_tokens=5) for _ in range(2)]
    stream = next(iter(echo._process._streams.values()))
    held_bytes = sum(size for _, size in stream._results)
    rest = [result.text async for result in slow]

    assert "quick" in others
    assert held_bytes <= WINDOW_BYTES + 2 * len(word)
    assert count * 1000 - 1 == len(first) + sum(map(len, rest))


async def test_the_worker_tells_how_many_calls_it_takes(bench):
    """Before it loaded the engine's class says it, or settings; then the loaded engine."""
    told = bench.echo("told", max_concurrency=3)
    before = told.max_in_flight
    await told.ensure_ready(20)

    assert (1, 3) == (before, told.max_in_flight)
    assert 2 == bench.echo("set", model={"parallel_count": 2}).max_in_flight
