"""Providers of one house: their keys in the database and in use, their lists of models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from llmlb_core.clouds.clouds import MOST_KEYS, Clouds
from llmlb_core.clouds.lists import CloudLists
from llmlb_core.endpoints.asking import Asker
from llmlb_core.errors import InvalidRequest, RouteNotFound
from llmlb_core.security.vault import SecretUnreadable, Vault
from llmlb_core.storage.cloud_key_store import CloudKeyStore, SealedKey, new_key_id
from llmlb_core.storage.rows import Database
from llmlb_core.telemetry.log import get_logger

POLL_S = 2.0
"""How soon keys that another process stored (the command line, another server) are used here."""
LONGEST_KEY = 4096
_DEADLINE_S = 10.0

_log = get_logger("clouds")


class CloudOffice:
    """Keeps keys: stored ones are stronger than those of settings and the environment.

    Attributes:
        clouds: What calls are routed by.
        lists: The providers' models.
    """

    def __init__(self, clouds: Clouds, data_dir: Path, database: Database) -> None:
        """Keep keys of *clouds* in *database*, sealed by the secret in *data_dir*."""
        self.clouds = clouds
        self._asker = Asker()
        self.lists = CloudLists(clouds, self._asker)
        self._store = CloudKeyStore(database)
        self._data_dir = data_dir
        self._vault: Vault | None = None
        self._revision = -1
        self._stored: frozenset[str] = frozenset()
        self._is_lost = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read the database, and what changes in it inside the block.

        Raises:
            Exception: Whatever the database raises at the first read.
        """
        await self.refresh()
        follower = asyncio.create_task(self._follow(), name="cloud keys refresh")
        try:
            yield
        finally:
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)
            await self.close()

    async def close(self) -> None:
        """Ask nobody any more."""
        await self.lists.stop()
        await self._asker.close()

    def source(self, name: str) -> str:
        """Return where the keys of provider *name* are from: ``stored``, ``settings`` (and the environment), or ``none``."""
        if not self.clouds.keys(name):
            return "none"
        return "stored" if name in self._stored else "settings"

    async def set_keys(self, name: str, keys: Sequence[object]) -> None:
        """Keep *keys* for provider *name*, in order of use, and call it with them from now on; none = forget those that are stored.

        They are not tried: what is wrong with one shows when it is used (82491000-F8).

        Raises:
            RouteNotFound: There is no such provider.
            InvalidRequest: One of them cannot be a key; it is not shown.
        """
        if name not in self.clouds.all:
            known = ", ".join(sorted(self.clouds.all)) or "none"
            raise RouteNotFound(f"No provider has the name '{name[:64]}' (there: {known}).", code="cloud_not_found")
        checked = [_checked(key, number) for number, key in enumerate(keys)]
        if len(checked) > MOST_KEYS:
            raise InvalidRequest(f"{len(checked)} keys were given; {MOST_KEYS} may be.", param="keys")
        vault = await self._open() if checked else None
        sealed = []
        for key in dict.fromkeys(checked):
            key_id = new_key_id()
            assert vault is not None
            sealed.append(SealedKey(key_id, await asyncio.to_thread(vault.seal, key, f"cloud:{name}:{key_id}")))
        await self._store.write(name, sealed)
        await self.refresh()

    async def refresh(self) -> None:
        """Read all keys now, and use them."""
        revision = await self._store.revision()
        rows = await self._store.load()
        stored = set()
        for name in self.clouds.all:
            keys = [key for row in rows.get(name, ()) if (key := await self._unsealed(name, row)) is not None]
            if keys:
                stored.add(name)
            self.clouds.set_keys(name, keys)
        self._stored = frozenset(stored)
        self._revision = revision

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                async with asyncio.timeout(_DEADLINE_S):
                    if await self._store.revision() != self._revision:
                        await self.refresh()
            except Exception as error:  # noqa: BLE001  # drivers raise more than they document, and calls do not need the database
                if not self._is_lost:
                    self._is_lost = True
                    _log.error("cloud_keys_database_lost", error=type(error).__name__)
            else:
                self._is_lost = False

    async def _unsealed(self, name: str, row: SealedKey) -> str | None:
        try:
            vault = await self._open()
            return await asyncio.to_thread(vault.open_sealed, row.sealed, f"cloud:{name}:{row.id}")
        except SecretUnreadable as error:
            _log.error("cloud_key_unreadable", cloud=name, reason=error.message)
            return None

    async def _open(self) -> Vault:
        if self._vault is None:
            self._vault = await asyncio.to_thread(Vault.open, self._data_dir)
        return self._vault


def masked(key: str) -> str:
    """Return what may be shown of *key*: how it begins, as far as all keys of its kind do, and its last four characters."""
    begin, dash, rest = key.partition("-")
    head = begin + dash if dash and len(begin) <= 4 and len(rest) >= 12 else ""  # as in sk-
    return f"{head}****{key[-4:] if len(key) >= 16 else ''}"  # of a short one four would be much


def _checked(key: object, number: int) -> str:
    if not isinstance(key, str) or not key.strip():
        raise InvalidRequest(f"keys[{number}] is missing; expected a string.", param=f"keys[{number}]")
    key = key.strip()
    if len(key) > LONGEST_KEY or any(not 33 <= ord(character) <= 126 for character in key):
        raise InvalidRequest(
            f"keys[{number}] cannot be a key: expected up to {LONGEST_KEY:,} printable ASCII characters without blanks.",
            param=f"keys[{number}]",
        )
    return key
