"""Hands llama.cpp's events from the thread that it calls back in to the worker's loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator

from attrs import define, field

CAPACITY = 256
"""Events ahead of their reader, after which the thread waits. llama.cpp's own queue grows, to ``max_tokens`` events."""

_LOOK_AGAIN_S = 1.0


@define(eq=False)
class Handover:
    """The events of one call, in order. Made on the loop; ``feed`` and ``end`` belong to the thread, ``abandon`` to anybody."""

    _loop: asyncio.AbstractEventLoop = field(factory=asyncio.get_running_loop)
    _events: deque[bytes] = field(factory=deque, init=False)
    _arrival: asyncio.Event = field(factory=asyncio.Event, init=False)
    _room: threading.Event = field(factory=threading.Event, init=False)
    _is_waking: bool = field(default=False, init=False)
    _is_over: bool = field(default=False, init=False)
    _error: BaseException | None = field(default=None, init=False)
    is_abandoned: bool = field(default=False, init=False)

    def feed(self, event: bytes) -> bool:
        """Take one event; True tells llama.cpp to stop."""
        while len(self._events) >= CAPACITY and not self.is_abandoned:
            self._room.clear()
            if len(self._events) >= CAPACITY:
                self._room.wait(_LOOK_AGAIN_S)
        if self.is_abandoned:
            return True
        self._events.append(event)
        if not self._is_waking:
            # One wake-up covers all events until the reader looks: under load that is one for several tokens.
            self._is_waking = True
            self._wake()
        return self.is_abandoned

    def end(self, error: BaseException | None = None) -> None:
        """Say that no more events come, and why where it was not the end of the answer."""
        self._error = error
        self._is_over = True
        self._wake()

    def abandon(self) -> None:
        """Stop: the reader at once, llama.cpp at its next event."""
        self.is_abandoned = True
        self._room.set()
        self._wake()

    async def events(self) -> AsyncIterator[bytes]:
        """Yield each event; end at the end or when abandoned. Raises what ``end`` was given."""
        while True:
            await self._arrival.wait()
            self._arrival.clear()
            self._is_waking = False
            # Read before the events: what was fed before `end` is in the deque now.
            is_over = self._is_over
            while self._events and not self.is_abandoned:
                yield self._events.popleft()
                if not self._room.is_set():
                    self._room.set()
            if self.is_abandoned:
                return
            if is_over:
                if self._error is not None:
                    raise self._error
                return

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._arrival.set)
        except RuntimeError:
            # The loop is closed: nobody reads any more.
            self.is_abandoned = True
