"""From rows of the database to servers in use, and from keys to sealed keys."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs

from llmlb_core.domain.registration import Registration
from llmlb_core.endpoints.health import HealthWatch
from llmlb_core.endpoints.offer import prepare_offer
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.registry import EndpointRegistry
from llmlb_core.endpoints.wishes import address_key
from llmlb_core.errors import SettingsInvalid
from llmlb_core.security.vault import SecretUnreadable, Vault
from llmlb_core.storage.endpoint_store import EndpointStore, StoredEndpoint
from llmlb_core.telemetry.log import get_logger
from llmlb_core.upstream.address import parse_url

_DEADLINE_S = 10.0

_log = get_logger("endpoints")


class EndpointRows:
    """Keeps the registry in step with the database: what others changed is seen by one number."""

    def __init__(self, data_dir: Path, store: EndpointStore, registry: EndpointRegistry, watch: HealthWatch) -> None:
        """Read *store* into *registry*; what is new there is watched by *watch*."""
        self._data_dir = data_dir
        self._store = store
        self._registry = registry
        self._watch = watch
        self._vault: Vault | None = None
        self._revision = -1
        self._is_lost = False
        self._shadowed: set[str] = set()

    async def seal(self, said: Registration) -> str | None:
        """Return the key of *said*, sealed for its id; None where it has none."""
        if said.key is None:
            return None
        vault = await self._open()
        return await asyncio.to_thread(vault.seal, said.key, said.id)

    def drop(self, endpoint: RegisteredEndpoint) -> None:
        """Take a server out that was removed."""
        self._watch.forget(endpoint)
        self._registry.remove(endpoint)

    async def try_refresh(self) -> None:
        """As ``refresh``, where somebody changed something; a database that is away changes nothing."""
        try:
            async with asyncio.timeout(_DEADLINE_S):
                if await self._store.revision() != self._revision:
                    await self.refresh()
        except Exception as error:  # noqa: BLE001  # drivers raise more than they document, and calls do not need the database
            if not self._is_lost:
                self._is_lost = True
                _log.error("endpoints_database_lost", error=type(error).__name__)
        else:
            if self._is_lost:
                self._is_lost = False
                _log.info("endpoints_database_back")

    async def refresh(self) -> None:
        """Read all servers now, and take what is new, changed or gone."""
        # Before the rows: a change that falls between the two reads is then seen by the next look.
        revision = await self._store.revision()
        rows = await self._store.load()
        ids = {row.registration.id for row in rows}
        for endpoint in self._registry.snapshot.endpoints:
            if not endpoint.registration.is_read_only and endpoint.id not in ids:
                self.drop(endpoint)
        for row in rows:
            await self._take(row)
        self._revision = revision

    async def _take(self, row: StoredEndpoint) -> None:
        said, known = row.registration, self._registry.find(row.registration.id)
        if known is None:
            if not self._is_shadowed(row):
                await self._add(row)
            return
        if said.version != known.registration.version:
            unsealed = await self._unsealed(row)
            self._registry.change(known, unsealed, await prepare_offer(unsealed, known.listed, known.served))
            self._watch.watch(known)
        if row.listed_at is not None and (known.listed_at is None or row.listed_at > known.listed_at):
            models = await self._store.models(said.id)
            self._registry.lists(known, models, row.listed_at, await prepare_offer(known.registration, models, known.served))

    async def _add(self, row: StoredEndpoint) -> None:
        said = await self._unsealed(row)
        try:
            address = parse_url(said.url)
        except SettingsInvalid as error:  # written by hand, or by a version with other rules
            _log.error("endpoint_unusable", id=said.id, name=said.name, reason=str(error))
            return
        listed = await self._store.models(said.id) if row.listed_at is not None else ()
        endpoint = self._registry.add(said, address, condition=row.condition, listed=listed, listed_at=row.listed_at)
        self._watch.watch(endpoint)

    def _is_shadowed(self, row: StoredEndpoint) -> bool:
        """Whether the settings file has a server of this name or at this address: then that one is meant."""
        for each in self._registry.snapshot.endpoints:
            if each.registration.is_read_only and (each.name == row.registration.name or address_key(each.address) == row.address):
                if row.registration.id not in self._shadowed:
                    self._shadowed.add(row.registration.id)
                    _log.warning("endpoint_shadowed", id=row.registration.id, name=row.registration.name, by=each.name)
                return True
        return False

    async def _unsealed(self, row: StoredEndpoint) -> Registration:
        said = row.registration
        if row.sealed_key is None:
            return said
        try:
            vault = await self._open()
            key = await asyncio.to_thread(vault.open_sealed, row.sealed_key, said.id)
        except SecretUnreadable as error:
            _log.error("endpoint_key_unreadable", id=said.id, name=said.name, reason=error.message)
            return attrs.evolve(said, key_problem=error.message)
        return attrs.evolve(said, key=key)

    async def _open(self) -> Vault:
        if self._vault is None:
            self._vault = await asyncio.to_thread(Vault.open, self._data_dir)
        return self._vault
