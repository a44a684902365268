"""When a server looks for objects that only refer to each other."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from llmlb_core import garbage
from llmlb_core.garbage import looked_for_between_calls

EVERY_S = 0.01


class Knot:
    """Refers to itself; only a look finds that nobody else does."""

    def __init__(self, gone: asyncio.Event) -> None:
        self.itself = self
        self.watched = weakref.finalize(self, gone.set)
        self.watched.atexit = False


class Calls:
    """Says whether calls run, whenever it is asked."""

    def __init__(self, are_running: bool) -> None:
        self.are_running = are_running
        self._asked = asyncio.Event()

    def are_over(self) -> bool:
        """Whether nobody is delayed."""
        self._asked.set()
        return not self.are_running

    async def asked(self, times: int) -> None:
        """Wait until it was asked so often."""
        for _ in range(times):
            self._asked.clear()
            await asyncio.wait_for(self._asked.wait(), 5)


@pytest.fixture
def gone():
    """Set when a knot is found."""
    return asyncio.Event()


async def test_garbage_is_found_while_no_call_runs(gone):
    with looked_for_between_calls(Calls(are_running=False).are_over, EVERY_S):
        Knot(gone)
        kept = [[] for _ in range(garbage.IDLE_OBJECTS + 1000)]
        await asyncio.wait_for(gone.wait(), 5)
        assert kept


async def test_running_calls_are_not_interrupted_for_a_little(gone):
    calls = Calls(are_running=True)
    with looked_for_between_calls(calls.are_over, EVERY_S):
        Knot(gone)
        kept = [[] for _ in range(garbage.IDLE_OBJECTS + 1000)]
        await calls.asked(times=5)
        assert not gone.is_set()
        assert kept
        calls.are_running = False
        await asyncio.wait_for(gone.wait(), 5)


async def test_much_garbage_is_found_though_calls_run(gone):
    with looked_for_between_calls(Calls(are_running=True).are_over, EVERY_S):
        Knot(gone)
        kept = [[] for _ in range(garbage.BUSY_OBJECTS + 1000)]
        await asyncio.wait_for(gone.wait(), 5)
        assert kept


async def test_old_garbage_is_found_in_the_end_though_calls_never_stop(gone, monkeypatch):
    monkeypatch.setattr(garbage, "PARTIAL_LOOKS", 2)
    calls = Calls(are_running=True)
    with looked_for_between_calls(calls.are_over, EVERY_S):
        knot = Knot(gone)
        gc.collect()  # it is old now, and looks at new objects alone pass it by
        del knot
        kept = []
        while not gone.is_set():
            assert len(kept) < 50
            kept.append([[] for _ in range(garbage.BUSY_OBJECTS + 1000)])
            await calls.asked(times=2)
        assert len(kept) >= 3


async def test_python_looks_as_before_when_a_server_has_stopped():
    with looked_for_between_calls(Calls(are_running=False).are_over, EVERY_S):
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
