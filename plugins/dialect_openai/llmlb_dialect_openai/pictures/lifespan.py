"""The folder of pictures while a server runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from llmlb_dialect_openai.pictures.gallery import Gallery

SWEEP_S = 60.0


@asynccontextmanager
async def keep_clean(gallery: Gallery) -> AsyncIterator[None]:
    """Delete what expires, every minute; at the end write what is still to be written."""
    await asyncio.to_thread(gallery.open)

    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            await asyncio.to_thread(gallery.store.sweep)

    task = asyncio.create_task(sweep(), name="pictures-sweep")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(gallery.store.close)
