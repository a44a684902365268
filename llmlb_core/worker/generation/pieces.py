"""What an engine yields piece by piece, in a slot of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import TypeVar

from llmlb_core.contracts.engine import Cancel, Engine
from llmlb_core.worker.generation.slots import slots_of
from llmlb_core.worker.generation.streams import open_stream

Item = TypeVar("Item")
Request = TypeVar("Request")


async def pieces(
    engine: Engine, method: Callable[[Request, Cancel], Iterator[Item] | AsyncIterator[Item]], request: Request, cancel: Cancel
) -> AsyncGenerator[Item, None]:
    """Yield what *method* yields on *request*; nothing of it runs any more when this has ended."""
    async with slots_of(engine).hold(cancel):
        if cancel.is_set:
            return
        stream = await open_stream(engine, method, request, cancel)
        try:
            while (item := await stream.get()) is not None:
                yield item
        finally:
            await stream.close()
