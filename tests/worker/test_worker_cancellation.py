"""Calls that nobody wants any more."""

from __future__ import annotations

import asyncio
import time

import psutil
import pytest

from llmlb_core.errors import EngineFailed
from llmlb_core.worker.snapshot import State


async def test_closing_an_answer_stops_the_engine_within_a_second(bench):
    """When ``aclose`` returns, nothing of the call runs any more, and the worker is the same."""
    echo = bench.echo(delay_s=30)
    results = bench.open(echo)
    await anext(results)
    pid = bench.pid(echo)

    began_at = time.monotonic()
    await results.aclose()

    assert time.monotonic() - began_at < 1
    assert 0 == echo.snapshot().running_count
    assert pid == bench.pid(echo)


async def test_cancelling_the_task_that_reads_stops_the_engine(bench):
    """A client that leaves is a cancelled task; its call is not left behind."""
    echo = bench.echo(first_delay_s=30)
    await echo.ensure_ready(20)
    reading = asyncio.create_task(bench.answer(echo))
    while not (running := echo.snapshot().running_count):  # noqa: ASYNC110  # an open is no change of state
        await asyncio.sleep(0)

    reading.cancel()
    await asyncio.wait([reading], timeout=5)

    assert reading.cancelled()
    assert (1, 0) == (running, echo.snapshot().running_count)


async def test_a_reader_that_stands_still_can_be_cancelled(bench):
    """A call that waits for credit hears its cancel."""
    echo = bench.echo(reply="long " * 200_000)
    results = bench.open(echo)
    await anext(results)

    await results.aclose()

    assert 0 == echo.snapshot().running_count
    assert State.READY is echo.state


async def test_an_engine_that_ignores_a_cancel_is_killed_and_started_again(bench):
    """One second after the cancel; other calls of that worker get an error; the next call is answered."""
    echo = bench.echo(delay_s=0.05, fault="ignore_cancel", script=["to be cancelled " * 100, "a long answer " * 200, "back again"])
    cancelled = bench.open(echo)
    await anext(cancelled)
    other = bench.open(echo)
    await anext(other)
    pid = bench.pid(echo)

    began_at = time.monotonic()
    await cancelled.aclose()
    took_s = time.monotonic() - began_at

    with pytest.raises(EngineFailed, match="went on 1 s after its cancel"):
        _ = [result async for result in other]
    await echo.ensure_ready(20)
    assert took_s < 3
    assert not psutil.pid_exists(pid)
    assert pid != bench.pid(echo)
    assert "to be cancelled" in await bench.answer(echo, max_tokens=4)


async def test_a_call_that_was_cancelled_before_its_first_token_leaves_no_trace(bench):
    """Open and close at once, many times: the worker is as it was."""
    echo = bench.echo(first_delay_s=5)
    await echo.ensure_ready(20)

    for _ in range(20):
        reading = asyncio.create_task(bench.answer(echo))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading], timeout=5)

    assert 0 == echo.snapshot().running_count
    assert 0 == echo.snapshot().crash_count
