"""When Python looks for objects that only refer to each other: at all of them between calls, not in the middle of streams' events.

Looking stops everything, some 10 ms for a hundred thousand objects. By itself Python looks at new objects whenever there are a few
hundred, and soon again at those that were left; with 500 streams that was the greatest delay an event met. The path of a relayed
call leaves no such objects (tests see to it), pages do, and theirs are new ones. So a server looks at new objects ten thousand at a
time, some 2 ms each, and at those that were left when nobody is delayed.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY_S = 1.0
NEW_OBJECTS = 10_000
"""How many new objects are looked at together."""
IDLE_LOOKS, BUSY_LOOKS = 2, 1_000
"""After how many looks at new objects all are looked at, while no call runs and though some do."""
_NEVER = 1_000_000_000


@contextmanager
def looked_for_between_calls(is_idle: Callable[[], bool], every_s: float = EVERY_S) -> Iterator[None]:
    """Look at all objects once and never again at those; at later ones where *is_idle* says that no call runs, inside the block.

    Args:
        is_idle: Whether nobody is delayed by a pause.
        every_s: How often to ask.
    """
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, _NEVER, _NEVER)
    looks = _Looks(is_idle, every_s)
    looks.again()
    try:
        yield
    finally:
        looks.timer.cancel()
        gc.set_threshold(*usual)
        gc.unfreeze()


class _Looks:
    timer: asyncio.TimerHandle

    def __init__(self, is_idle: Callable[[], bool], every_s: float) -> None:
        self._is_idle = is_idle
        self._every_s = every_s
        self._loop = asyncio.get_running_loop()
        self._before = _looks_at_new()

    def again(self) -> None:
        self.timer = self._loop.call_later(self._every_s, self._look)

    def _look(self) -> None:
        looks = _looks_at_new() - self._before
        if looks >= (IDLE_LOOKS if self._is_idle() else BUSY_LOOKS):
            gc.collect()
            self._before = _looks_at_new()
        self.again()


def _looks_at_new() -> int:
    return int(gc.get_stats()[0]["collections"])
