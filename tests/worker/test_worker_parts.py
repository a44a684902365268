"""Small parts of the room, each on its own."""

from __future__ import annotations

import asyncio
import os

from llmlb_core.worker.backoff import Backoff
from llmlb_core.worker.launch import describe_exit
from llmlb_core.worker.limits import TAIL_BYTES, default_threads, machine_memory_bytes, physical_cores, resident_bytes
from llmlb_core.worker.output import Output
from llmlb_core.worker.window import Window


def test_back_off_doubles_from_one_to_sixty_seconds():
    """A model that never loads is tried less and less often."""
    backoff = Backoff(clock=lambda: 0.0)

    assert [1, 2, 4, 8, 16, 32, 60, 60] == [backoff.failed_to_load() for _ in range(8)]


def test_the_first_crash_after_health_costs_nothing():
    """The next ones do, until a call was answered."""
    backoff = Backoff(clock=lambda: 0.0)

    first = [backoff.crashed() for _ in range(3)]
    backoff.healthy()

    assert [0, 1, 2] == first
    assert 0 == backoff.crashed()
    assert 1 == backoff.failed_to_load()


async def test_the_tail_of_what_a_worker_prints_is_bounded():
    """A megabyte of chatter leaves 8 KiB and 50 lines."""
    reading, writing = os.pipe()
    output = await Output.of(os.fdopen(reading, "rb", 0), "m")
    with os.fdopen(writing, "wb") as pipe:
        for number in range(20_000):
            pipe.write(b"line %d of very much chatter about nothing\n" % number)
            if number % 500 == 0:
                await asyncio.sleep(0)
            pipe.flush()

    await output.finished(5.0)

    assert 50 == len(output.tail().splitlines())
    assert output.tail().endswith("line 19999 of very much chatter about nothing")
    assert len(output._kept) <= 2 * TAIL_BYTES


async def test_a_native_crash_is_told_by_its_name_and_not_by_its_trace():
    """The last words are the engine's own."""
    reading, writing = os.pipe()
    output = await Output.of(os.fdopen(reading, "rb", 0), "m")
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b"tensor 7 is torn\nFatal Python error: Aborted\n\nThread 0x1:\n  File x, line 1\n")

    await output.finished(5.0)

    assert "tensor 7 is torn | Fatal Python error: Aborted" == output.last_words()


async def test_a_window_closes_when_nothing_is_paid_and_opens_with_credit():
    """One result may go over the limit; the next waits."""
    window = Window(100)
    await window.spend(60)

    waiting = asyncio.create_task(window.spend(60))
    await asyncio.sleep(0)
    was_waiting = not waiting.done()
    window.pay(60)
    await asyncio.wait_for(waiting, 5)

    assert was_waiting


def test_an_exit_is_told_in_words():
    """Signals by name."""
    assert "was killed by signal 11 (SIGSEGV)" == describe_exit(-11)
    assert "lack of memory" in describe_exit(-9)
    assert "was killed by signal 250 (unknown)" == describe_exit(-250)
    assert "exited with code 3" == describe_exit(3)


def test_the_machine_is_known():
    """Cores, threads and memory are positive and agree with one another."""
    assert 1 <= default_threads() <= max(1, physical_cores() - 1) <= (os.cpu_count() or 1)
    assert machine_memory_bytes() > 64 * 1024 * 1024
    assert 0 < (resident_bytes(os.getpid()) or 1) < machine_memory_bytes()
    assert resident_bytes(2**22 + 1) is None
