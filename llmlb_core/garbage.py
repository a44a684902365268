"""When Python looks for objects that only refer to each other: between calls, not in the middle of a stream's events.

Looking stops everything, some 10 ms for a hundred thousand objects, and Python looks whenever a number of objects was made; with
500 streams that was the greatest delay an event met. The path of a relayed call leaves no such objects (tests see to it), so that
there is little to find, and whoever waits until nobody is delayed finds the same.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY_S = 1.0
IDLE_OBJECTS, BUSY_OBJECTS = 10_000, 100_000
"""How many new objects are worth a look while no call runs, and which are looked at though calls run: some 20 MB of them."""
PARTIAL_LOOKS = 50
"""How many looks at new objects alone may follow each other while calls run, before old ones are looked at too."""


@contextmanager
def looked_for_between_calls(is_idle: Callable[[], bool], every_s: float = EVERY_S) -> Iterator[None]:
    """Look at all objects at once, then no more at those, and at new ones where *is_idle* says that no call runs, inside the block.

    Args:
        is_idle: Whether nobody is delayed by a pause.
        every_s: How often to ask.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    gc.collect()
    gc.freeze()
    looks = _Looks(is_idle, every_s)
    looks.again()
    try:
        yield
    finally:
        looks.timer.cancel()
        gc.unfreeze()
        if was_enabled:
            gc.enable()


class _Looks:
    timer: asyncio.TimerHandle

    def __init__(self, is_idle: Callable[[], bool], every_s: float) -> None:
        self._is_idle = is_idle
        self._every_s = every_s
        self._loop = asyncio.get_running_loop()
        self._partial = 0

    def again(self) -> None:
        self.timer = self._loop.call_later(self._every_s, self._look)

    def _look(self) -> None:
        new = gc.get_count()[0]
        if self._is_idle():
            if new > IDLE_OBJECTS or (self._partial and new):
                self._look_at_all()
        elif new > BUSY_OBJECTS:
            if self._partial < PARTIAL_LOOKS:
                self._partial += 1
                gc.collect(1)
            else:
                self._look_at_all()
        self.again()

    def _look_at_all(self) -> None:
        self._partial = 0
        gc.collect()
