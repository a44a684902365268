"""When a server looks for objects that only refer to each other."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from llmlb_core import garbage
from llmlb_core.garbage import NEW_OBJECTS, looked_for_between_calls

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


def make(looks):
    """Make as many objects as are looked at so often, and keep them."""
    return [[] for _ in range((looks + 1) * NEW_OBJECTS)]


async def test_new_garbage_is_found_though_calls_run(gone):
    """What pages leave behind does not pile up."""
    with looked_for_between_calls(Calls(are_running=True).are_over, EVERY_S):
        Knot(gone)
        assert make(looks=1)
        assert gone.is_set()


async def test_old_garbage_is_left_while_calls_run_and_found_between_them(gone):
    calls = Calls(are_running=True)
    with looked_for_between_calls(calls.are_over, EVERY_S):
        knot = Knot(gone)
        kept = make(looks=garbage.IDLE_LOOKS + 1)
        assert kept
        del knot
        await calls.asked(times=5)
        assert not gone.is_set()
        calls.are_running = False
        await asyncio.wait_for(gone.wait(), 5)


async def test_old_garbage_is_found_in_the_end_though_calls_never_stop(gone, monkeypatch):
    monkeypatch.setattr(garbage, "BUSY_LOOKS", 20)
    with looked_for_between_calls(Calls(are_running=True).are_over, EVERY_S):
        knot = Knot(gone)
        kept = make(looks=2)
        del knot
        kept += make(looks=20)
        assert kept
        await asyncio.wait_for(gone.wait(), 5)


async def test_python_looks_as_before_when_a_server_has_stopped():
    before = gc.get_threshold()
    with looked_for_between_calls(Calls(are_running=False).are_over, EVERY_S):
        assert gc.get_threshold()[0] == NEW_OBJECTS
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
