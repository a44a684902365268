"""The loop whose time jumps."""

from __future__ import annotations

import asyncio

import pytest

from llmlb_core.simulate.loop import START_S, VirtualLoop


@pytest.fixture
def loop():
    return VirtualLoop()


def test_time_jumps_to_the_next_alarm(loop):
    """A day passes at once, and every alarm sees its own time."""
    seen = []
    for delay_s in (86_400.0, 1.0, 3600.0):
        loop.after(delay_s, lambda: seen.append(loop.time() - START_S))

    loop.run()

    assert [1.0, 3600.0, 86_400.0] == seen


def test_alarms_of_one_moment_ring_in_the_order_in_which_they_were_set(loop):
    """Nothing depends on memory addresses or hashes."""
    seen = []
    for number in range(100):
        loop.at(START_S + 1, seen.append, number)

    loop.run()

    assert list(range(100)) == seen


def test_a_cancelled_alarm_does_not_ring_and_takes_no_time(loop):
    """The time of a run is that of what happened."""
    loop.after(5.0, lambda: None)
    loop.after(99.0, lambda: pytest.fail("it rang")).cancel()

    loop.run()

    assert START_S + 5 == loop.time()


def test_tasks_and_futures_of_asyncio_run_on_it(loop):
    """What ``acquire`` awaits is a future of asyncio, and whoever asks for the running loop gets this one."""
    seen = []

    async def serve():
        assert asyncio.get_running_loop() is loop
        future = loop.create_future()
        loop.after(2.0, lambda: future.set_result("slot"))
        seen.append((await future, loop.time() - START_S))

    loop.at(START_S + 1, lambda: loop.create_task(serve()))
    loop.run()

    assert [("slot", 3.0)] == seen


def test_what_an_alarm_raises_ends_the_run(loop):
    """A defect is no result."""

    def break_down():
        raise ZeroDivisionError

    loop.after(1.0, break_down)
    loop.after(2.0, lambda: pytest.fail("the run went on"))

    with pytest.raises(ZeroDivisionError):
        loop.run()


def test_what_a_task_reports_ends_the_run(loop):
    """The first error is the one that is told."""

    async def serve():
        loop.fail(KeyError("first"))
        loop.fail(KeyError("second"))

    loop.create_task(serve())

    with pytest.raises(KeyError, match="first"):
        loop.run()


async def test_it_gives_a_loop_that_runs_already_back(loop):
    """A simulation inside a server or a test leaves both loops as they were."""
    before = asyncio.get_running_loop()

    loop.after(1.0, lambda: None)
    loop.run()

    assert before is asyncio.get_running_loop()


def test_whoever_settles_is_told_after_each_moment(loop):
    """Everything of one moment has happened then."""
    seen, told = [], []
    loop.on_settled = lambda: told.append(list(seen))
    loop.at(START_S + 1, lambda: loop.call_soon(seen.append, 1))
    loop.at(START_S + 2, seen.append, 2)

    loop.run()

    assert [[], [1], [1, 2]] == told
