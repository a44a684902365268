"""Keeps the ring in step with the database, in the background, whatever happens to the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from llmlb_auth_apikey.ring import KeyRing, Snapshot
from llmlb_auth_apikey.store import KeyStore
from llmlb_core import get_logger
from llmlb_core.storage.rows import current_database

_DEADLINE_S = 10.0
# Also how often everything is read again: rows that were changed by hand move no revision.
_FLUSH_S = 60.0
_log = get_logger("auth_apikey")


class Refresher:
    """Reads the keys at start, then asks for the revision every ``poll_s`` and writes last uses every minute."""

    def __init__(self, ring: KeyRing, *, flush_s: float = _FLUSH_S) -> None:
        """Feed *ring*."""
        self.ring = ring
        self.store: KeyStore | None = None
        self._flush_s = flush_s
        self._revision = -1
        self._is_lost = False
        self._reading = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Fill the ring, keep it fresh inside the block, and write what is left at the end.

        Raises:
            Exception: Whatever the database raises at the first read; without keys the plugin cannot serve.
        """
        self.store = KeyStore(current_database())
        await self.refresh()
        task = asyncio.create_task(self._follow(), name="auth_apikey refresh")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._flush()
            self.store = None

    async def refresh(self) -> None:
        """Read all keys now; for changes made in this process, which must hold at once."""
        assert self.store is not None, "the lifespan of auth_apikey is not running"
        # One at a time: of two that read in turns the older one must not have the last word.
        async with asyncio.timeout(_DEADLINE_S), self._reading:
            # Before the keys: a change that falls between the two reads is then seen by the next poll.
            revision = await self.store.revision()
            snapshot = Snapshot(self.ring)
            async for page in self.store.pages():
                snapshot.add(page)
            self._revision = revision
            snapshot.take_over()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        due_at = loop.time() + self._flush_s
        while True:
            await asyncio.sleep(self.ring.settings.poll_s)
            is_due = loop.time() >= due_at
            if is_due:
                due_at = loop.time() + self._flush_s
                await self._flush()
            await self._poll(reload=is_due)

    async def _poll(self, *, reload: bool) -> None:
        assert self.store is not None
        try:
            async with asyncio.timeout(_DEADLINE_S):
                if not reload and await self.store.revision() == self._revision:
                    self.ring.confirm()
                else:
                    await self.refresh()
        except Exception as error:  # noqa: BLE001  # drivers raise more than they document, and this task must outlive them all
            # The last snapshot goes on being good for `stale_hours`: the data plane does not depend on the database.
            if not self._is_lost:
                self._is_lost = True
                _log.error("keys_database_lost", error=type(error).__name__, stale_hours=self.ring.settings.stale_hours)
            if self.ring.is_stale():
                _log.error("keys_stale", stale_hours=self.ring.settings.stale_hours)
        else:
            if self._is_lost:
                self._is_lost = False
                _log.info("keys_database_back", keys=len(self.ring))

    async def _flush(self) -> None:
        uses = self.ring.take_uses()
        if not uses or self.store is None:
            return
        try:
            async with asyncio.timeout(_DEADLINE_S):
                await self.store.write_uses(uses)
        except Exception as error:  # noqa: BLE001  # as in `_poll`
            self.ring.give_back_uses(uses)
            _log.warning("last_uses_not_written", keys=len(uses), error=type(error).__name__)
