"""How many sequences an engine runs at a time, over all calls."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from llmlb_core.contracts.engine import Cancel, Engine
from llmlb_core.worker.generation.threads import event_of

_slots_by_engine: dict[int, Slots] = {}


class Slots:
    """Slots of one engine, granted in the order they are asked for."""

    def __init__(self, count: int) -> None:
        """Have *count* slots, all free."""
        self._semaphore = asyncio.Semaphore(count)

    @asynccontextmanager
    async def hold(self, cancel: Cancel) -> AsyncIterator[None]:
        """Hold a slot; enters without one as soon as *cancel* is set, so look at it first."""
        has_slot = await self._acquire(cancel)
        try:
            yield
        finally:
            if has_slot:
                self._semaphore.release()

    async def _acquire(self, cancel: Cancel) -> bool:
        if cancel.is_set:
            return False
        if not self._semaphore.locked():
            return await self._semaphore.acquire()
        loop = asyncio.get_running_loop()
        turn = loop.create_task(self._semaphore.acquire())
        stop = loop.create_task(event_of(cancel).wait())
        try:
            await asyncio.wait([turn, stop], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if not turn.cancel():
                self._semaphore.release()
            raise
        finally:
            stop.cancel()
        if turn.cancel():
            await asyncio.wait([turn])
        return not turn.cancelled()


def slots_of(engine: Engine) -> Slots:
    """Return the slots of a loaded *engine*: ``max_concurrency`` of them."""
    key = id(engine)
    slots = _slots_by_engine.get(key)
    if slots is None:
        slots = _slots_by_engine[key] = Slots(max(1, engine.max_concurrency))
        weakref.finalize(engine, _slots_by_engine.pop, key, None)
    return slots
