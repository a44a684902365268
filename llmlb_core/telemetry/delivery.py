"""Brings records to observers: bounded, in batches, off every call's path."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from attrs import define, field

from llmlb_core.contracts.observer import Observer
from llmlb_core.domain.records import Record

BATCH = 500
QUEUE_SIZE = 10_000
"""Records that may wait for one observer; further ones are dropped and counted."""

DEADLINE_S = 30.0
CLOSE_S = 5.0

Fault = Callable[[str, BaseException], None]


@define(eq=False)
class _Queue:
    """One observer, and what it has not had yet."""

    observer: Observer
    records: deque[Record] = field(factory=deque)
    dropped_count: int = 0
    filled: asyncio.Event = field(factory=asyncio.Event)
    is_closing: bool = False

    def take(self, records: Sequence[Record]) -> None:
        room = QUEUE_SIZE - len(self.records)
        if room < len(records):
            self.dropped_count += len(records) - room
            records = records[:room]
        self.records.extend(records)
        self.filled.set()


class Delivery:
    """Brings records, which it is given in batches by the stage ``record``, to every observer that wants them."""

    def __init__(self, observers: Mapping[str, Observer], fault: Callable[[str, BaseException], None]) -> None:
        """Serve *observers*, by name; tell *fault* the name of one that raised, and what."""
        self._queues = [_Queue(observer) for observer in observers.values()]
        self._fault = fault

    def take(self, records: Sequence[Record]) -> None:
        """Take records; never waits."""
        for each in self._queues:
            each.take(records)

    def dropped(self) -> dict[tuple[str, ...], float]:
        """Return how many records every observer has missed or lost, by name."""
        return {(each.observer.name,): each.dropped_count + each.observer.dropped_count for each in self._queues}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver inside the block; at its end deliver what is left, for at most five seconds."""
        tasks = [asyncio.create_task(self._serve(each), name=f"observer {each.observer.name}") for each in self._queues]
        try:
            yield
        finally:
            for each in self._queues:
                each.is_closing = True
                each.filled.set()
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=CLOSE_S)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    async def _serve(self, queue: _Queue) -> None:
        while True:
            while queue.records:
                await self._hand_over(queue)
            if queue.is_closing:
                return
            queue.filled.clear()
            await queue.filled.wait()

    async def _hand_over(self, queue: _Queue) -> None:
        batch = [queue.records.popleft() for _ in range(min(BATCH, len(queue.records)))]
        try:
            wants = queue.observer.wants
            wanted = [record for record in batch if wants(record)]
            if wanted:
                async with asyncio.timeout(DEADLINE_S):
                    await queue.observer.observe(wanted)
        except Exception as error:  # noqa: BLE001  # other people's code: its plugin's status says what it raised
            queue.dropped_count += len(batch)
            self._fault(queue.observer.name, error)
        except asyncio.CancelledError:
            queue.dropped_count += len(batch)
            raise
