"""An engine's iterator, plain or async, read from the worker's loop.

A plain iterator runs in a thread of its own, an async one in a task. Either hands over at most ``CAPACITY`` items ahead of its
reader, so that a slow client slows the engine, and either is over when ``close`` returns.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

from llmlb_core.contracts.engine import Cancel, Engine
from llmlb_core.worker.generation.threads import STOP_TIMEOUT_S, call_soon, did_not_stop, in_thread, raisable

CAPACITY = 64

Item = TypeVar("Item")
Request = TypeVar("Request")


class EngineStream(ABC, Generic[Item]):
    """What an engine yields for one sequence, sentence or picture."""

    def __init__(self, engine: Engine, cancel: Cancel) -> None:
        """Remember whose items these are and what stops them."""
        self._engine = engine
        self._cancel = cancel

    @abstractmethod
    async def get(self) -> Item | None:
        """Return the next item; None when there are no more or the sequence is cancelled. Raises what the engine raised."""

    async def close(self) -> None:
        """Cancel the sequence and wait until engine code has ended.

        Raises:
            EngineFailed: It did not end in time.
        """
        self._cancel.set()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._ended()
        except TimeoutError:
            raise did_not_stop(self._engine) from None

    @abstractmethod
    async def _ended(self) -> None:
        """Wait until engine code has ended."""


async def open_stream(
    engine: Engine, method: Callable[[Request, Cancel], Iterator[Item] | AsyncIterator[Item]], request: Request, cancel: Cancel
) -> EngineStream[Item]:
    """Start *method* of *engine* on *request*; engine code runs where its kind belongs."""
    items: Iterator[Item] | AsyncIterator[Item]
    if inspect.isasyncgenfunction(method) or inspect.isgeneratorfunction(method):
        items = method(request, cancel)  # nothing of it runs before the first item is asked for
    else:
        items = await in_thread(lambda: method(request, cancel), engine, cancel)
    if isinstance(items, AsyncIterator):
        return _TaskStream(engine, items, cancel)
    return _ThreadStream(engine, items, cancel)


class _ThreadStream(EngineStream[Item]):
    """Runs a plain iterator in a thread; a bounded deque between it and the loop."""

    def __init__(self, engine: Engine, deltas: Iterator[Item], cancel: Cancel) -> None:
        super().__init__(engine, cancel)
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Condition()
        self._ready: deque[Item] = deque()
        self._error: Exception | None = None
        self._is_over = False
        self._run_length = 0
        self._is_reader_waiting = False
        self._arrival = asyncio.Event()
        self._end = asyncio.Event()
        cancel.on_set(self._wake_both)
        threading.Thread(target=self._run, args=(deltas,), name=f"engine-{engine.name}", daemon=True).start()

    async def get(self) -> Item | None:
        self._run_length += 1
        if self._run_length > CAPACITY:
            # An engine that is always ahead must not keep the loop from everybody else.
            self._run_length = 0
            await asyncio.sleep(0)
        while not self._cancel.is_set:
            with self._lock:
                if self._ready:
                    self._lock.notify()
                    return self._ready.popleft()
                if self._error is not None:
                    raise self._error
                if self._is_over:
                    return None
                self._arrival.clear()
                self._is_reader_waiting = True
            self._run_length = 0
            await self._arrival.wait()
        return None

    async def _ended(self) -> None:
        await self._end.wait()

    def _run(self, deltas: Iterator[Item]) -> None:
        """Iterate, in the thread."""
        try:
            for delta in deltas:
                if not self._put(delta):
                    break
        except BaseException as error:  # noqa: BLE001  # engine code; raised again in `get`
            self._error = raisable(error, self._engine)
        finally:
            try:
                close = getattr(deltas, "close", None)
                if close is not None:
                    close()
            except BaseException as error:  # noqa: BLE001  # as above
                self._error = self._error or raisable(error, self._engine)
            with self._lock:
                self._is_over = True
            call_soon(self._loop, self._arrival.set)
            call_soon(self._loop, self._end.set)

    def _put(self, delta: Item) -> bool:
        """Hand *delta* over, waiting for room; False when cancelled."""
        with self._lock:
            while len(self._ready) >= CAPACITY and not self._cancel.is_set:
                self._lock.wait()
            if self._cancel.is_set:
                return False
            self._ready.append(delta)
            wakes, self._is_reader_waiting = self._is_reader_waiting, False
        if wakes:
            call_soon(self._loop, self._arrival.set)
        return True

    def _wake_both(self) -> None:
        with self._lock:
            self._lock.notify_all()
        call_soon(self._loop, self._arrival.set)


class _TaskStream(EngineStream[Item]):
    """Runs an async iterator in a task, which a cancel interrupts wherever it waits."""

    def __init__(self, engine: Engine, deltas: AsyncIterator[Item], cancel: Cancel) -> None:
        super().__init__(engine, cancel)
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[Item | None] = asyncio.Queue(CAPACITY)
        self._error: Exception | None = None
        self._cancelled = asyncio.Event()
        self._task = self._loop.create_task(self._run(deltas), name=f"engine-{engine.name}")
        cancel.on_set(lambda: call_soon(self._loop, self._stop))

    async def get(self) -> Item | None:
        if self._cancel.is_set:
            return None
        delta = await self._ready.get()
        if delta is None and self._error is not None and not self._cancel.is_set:
            raise self._error
        return delta

    async def _ended(self) -> None:
        await asyncio.wait([self._task])

    async def _run(self, deltas: AsyncIterator[Item]) -> None:
        try:
            try:
                async for delta in deltas:
                    await self._ready.put(delta)
            finally:
                close = getattr(deltas, "aclose", None)
                if close is not None:
                    await close()
        except BaseException as error:  # noqa: BLE001  # engine code; raised again in `get`, unless `_stop` interrupted it
            self._error = raisable(error, self._engine)
        if not self._cancel.is_set:
            await self._ready.put(None)

    def _stop(self) -> None:
        """Interrupt the engine, and let a reader that waits see that nothing more comes."""
        self._task.cancel()
        if not self._ready.full():
            self._ready.put_nowait(None)
