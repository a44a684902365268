"""Registered servers of one house: registry, database and health watch, kept in step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import attrs

from llmlb_core.contracts.endpoint_kind import EndpointKind
from llmlb_core.domain.models import Capability
from llmlb_core.domain.registration import EndpointStatus, HealthCheck, Registration
from llmlb_core.endpoints.asking import Asker
from llmlb_core.endpoints.breakers import Breakers
from llmlb_core.endpoints.health import HealthWatch
from llmlb_core.endpoints.of_settings import FileServer
from llmlb_core.endpoints.offer import prepare_offer
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.registry import EndpointRegistry
from llmlb_core.endpoints.sync import Synced
from llmlb_core.endpoints.trial import Trial, try_out
from llmlb_core.endpoints.wishes import address_key, address_of, changed_registration, checked_version, new_registration
from llmlb_core.errors import EndpointFailed, Forbidden, NoEndpoint, RouteNotFound, ServerError, ServerTimedOut, ServerUnreachable
from llmlb_core.house.endpoint_news import EndpointNews
from llmlb_core.house.endpoint_records import EndpointRecords
from llmlb_core.house.endpoint_rows import EndpointRows
from llmlb_core.settings.sections import Settings
from llmlb_core.storage.endpoint_store import EndpointStore, StoredEndpoint, name_taken, url_taken
from llmlb_core.storage.health_store import HealthStore, NumberedCheck
from llmlb_core.storage.rows import Database, utc_now
from llmlb_core.telemetry.log import get_logger
from llmlb_core.upstream.sweep import Sweep

POLL_S = 2.0
"""How soon a change that another process made (the command line, another server) is seen here."""
_SHOWN_IDS = 36

_log = get_logger("endpoints")


class EndpointOffice:
    """Registers, changes and removes servers, and looks at them.

    Methods that change something raise what ``database_faults()`` names when the database is away; calls go on meanwhile.

    Attributes:
        registry: What calls are routed by.
        watch: Looks at every server.
        records: What is to be written.
    """

    def __init__(
        self,
        settings: Settings,
        kinds: Mapping[str, EndpointKind],
        sweep: Sweep,
        database: Database,
        *,
        servers: Iterable[FileServer],
        breakers: Breakers | None = None,
    ) -> None:
        """Serve *servers*, and from ``running`` on those of *database*.

        Args:
            settings: Of the house.
            kinds: Of active plugins, by name.
            sweep: Closes what is idle.
            database: Where servers are registered.
            servers: Those of the settings file.
            breakers: Told of servers that are well; absent = some that nobody feeds, for commands.
        """
        self._settings = settings
        self._store = EndpointStore(database)
        self._health = HealthStore(database)
        self._asker = Asker()
        self._lock = asyncio.Lock()
        self.registry = EndpointRegistry(sweep, kinds)
        self.records = EndpointRecords(self._store, self._health)
        self.watch = HealthWatch(self.registry, self._asker, settings.health, EndpointNews(self.records), breakers or Breakers())
        self._rows = EndpointRows(settings.data_dir, self._store, self.registry, self.watch)
        for each in servers:
            self.registry.add(each.registration, each.address, each.settings)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read the database, look at every server at once (66555000-F17), and go on doing both inside the block.

        Raises:
            Exception: Whatever the database raises at the first read.
        """
        await self._rows.refresh()
        for endpoint in self.registry.snapshot.endpoints:
            if endpoint.registration.is_read_only:
                self.watch.watch(endpoint)
        follower = asyncio.create_task(self._follow(), name="endpoints refresh")
        try:
            async with self.records.running():
                try:
                    yield
                finally:
                    follower.cancel()
                    await asyncio.gather(follower, return_exceptions=True)
                    await self.watch.stop()
        finally:
            await self._asker.close()
            self.registry.close()

    @asynccontextmanager
    async def at_desk(self) -> AsyncIterator[None]:
        """Read the database for one piece of work, without looking at servers; write what the work found at the end.

        For commands, beside a running server or without one; a running one sees the change within ``POLL_S``.
        """
        self.watch.is_idle = True
        await self._rows.refresh()
        try:
            yield
            await self.records.flush()
        finally:
            await self._asker.close()
            self.registry.close()

    def find(self, endpoint_id: str) -> RegisteredEndpoint:
        """Return the server of this id.

        Raises:
            RouteNotFound: There is none.
        """
        endpoint = self.registry.find(endpoint_id)
        if endpoint is None:
            raise _not_found(endpoint_id)
        return endpoint

    async def register(self, body: Mapping[str, object]) -> RegisteredEndpoint:
        """Keep the server that *body* describes, and look at it at once, in the background (66555000-F12).

        Raises:
            InvalidRequest: The body is wrong.
            Conflict: Its name or its URL is taken.
        """
        said = new_registration(body, str(uuid4()), utc_now(), self.registry.kinds)
        address = address_of(said.url)
        async with self._lock:
            self._check_free(said)
            stored = StoredEndpoint(said, address_key(address), await self._rows.seal(said))
            await self._store.add(stored)
            endpoint = self.registry.add(said, address)
        self.watch.watch(endpoint)
        _log.info("endpoint_registered", id=said.id, name=said.name)
        return endpoint

    async def change(self, endpoint_id: str, body: Mapping[str, object]) -> RegisteredEndpoint:
        """Change what *body* names; calls that run go on.

        Raises:
            InvalidRequest: The body is wrong, or would change the URL.
            Conflict: It was changed meanwhile, or its new name is taken.
            Forbidden: The settings file owns it.
        """
        endpoint = self._changeable(endpoint_id)
        before = endpoint.registration
        version = checked_version(body, before)
        said = changed_registration(before, body, self.registry.kinds)
        await self._write(endpoint, said, version)
        _log.info("endpoint_changed", id=said.id, name=said.name, members=sorted(body))
        return endpoint

    async def override(self, endpoint_id: str, model: str, capabilities: tuple[Capability, ...] | None) -> RegisteredEndpoint:
        """Say what *model* can do at a server, whatever it says itself; None takes that back (66555000-F18).

        Raises:
            RouteNotFound: It has no such model.
            Forbidden: The settings file owns it.
        """
        endpoint = self._changeable(endpoint_id)
        before = endpoint.registration
        if model not in endpoint.served:
            raise RouteNotFound(
                f"Endpoint '{endpoint.name}' has no model '{model[:200]}'; GET /v0/endpoints/{endpoint_id}/models lists them.",
                code="model_not_found",
            )
        overrides = {name: each for name, each in before.overrides.items() if name != model}
        if capabilities is not None:
            overrides[model] = capabilities
        await self._write(endpoint, attrs.evolve(before, overrides=overrides), before.version)
        return endpoint

    async def remove(self, endpoint_id: str) -> None:
        """Send nothing more to a server and forget it; calls that run there finish.

        Raises:
            RouteNotFound: There is none of this id.
            Forbidden: The settings file owns it.
        """
        endpoint = self._changeable(endpoint_id)
        async with self._lock:
            if not await self._store.remove(endpoint_id):
                raise _not_found(endpoint_id)
            self._rows.drop(endpoint)
        await self.records.forget(endpoint_id)
        _log.info("endpoint_removed", id=endpoint_id, name=endpoint.name, running=endpoint.in_flight)

    async def check(self, endpoint_id: str) -> tuple[RegisteredEndpoint, HealthCheck]:
        """Look at a server now; what is seen counts as any other look (66555000-F16)."""
        endpoint = self.find(endpoint_id)
        check = await self.watch.look(endpoint)
        await self.records.try_flush()
        return endpoint, check

    async def try_out(self, body: Mapping[str, object]) -> Trial:
        """Look at the server that *body* describes, which is not registered, and keep nothing (66555000-F7).

        Raises:
            InvalidRequest: The body is wrong.
        """
        said = new_registration({"name": "this server", **body}, "trial", utc_now(), self.registry.kinds)
        address = address_of(said.url)
        server = self._asker.server(said.name, address, said.key, deadline_s=self._settings.health.timeout_s)
        fixed = self.registry.kind(said.kind) if said.kind is not None else None
        return await try_out(server, self.registry.kinds.values(), fixed, self._settings.health.timeout_s)

    async def sync(self, endpoint_id: str) -> tuple[RegisteredEndpoint, Synced]:
        """Ask a server for its models now.

        Raises:
            NoEndpoint: It does not answer (503 ``endpoint_offline``).
            EndpointFailed: It answers, but not what it should (502).
        """
        endpoint = self.find(endpoint_id)
        try:
            synced = await self.watch.sync(endpoint)
        except (ServerUnreachable, ServerTimedOut) as error:
            self.watch.watch(endpoint)
            raise NoEndpoint(f"Its models cannot be listed: {error.message}", code="endpoint_offline") from error
        except ServerError as error:
            raise EndpointFailed(f"Its models cannot be listed: {error.message}", code=error.code) from error
        if endpoint.condition.status is not EndpointStatus.ONLINE:
            self.watch.watch(endpoint)
        await self.records.try_flush()
        return endpoint, synced

    async def history(self, endpoint_id: str, limit: int, before: int | None) -> Sequence[NumberedCheck]:
        """Return health checks of a server, youngest first."""
        self.find(endpoint_id)
        await self.records.try_flush()
        return await self._health.history(endpoint_id, limit, before)

    async def _write(self, endpoint: RegisteredEndpoint, said: Registration, version: int) -> None:
        async with self._lock:
            self._check_free(said)
            stored = StoredEndpoint(said, address_key(endpoint.address), await self._rows.seal(said))
            if not await self._store.change(stored, version):
                raise _not_found(said.id)
            before = endpoint.registration
            changed = attrs.evolve(said, version=version + 1)
            self.registry.change(endpoint, changed, await prepare_offer(changed, endpoint.listed, endpoint.served))
        if (before.key, before.kind, before.check_interval_s) != (said.key, said.kind, said.check_interval_s):
            self.watch.watch(endpoint)

    def _check_free(self, said: Registration) -> None:
        """Refuse what the settings file has already; the database answers for its own."""
        key = address_key(address_of(said.url))
        for each in self.registry.snapshot.endpoints:
            if each.registration.is_read_only and each.id != said.id:
                if each.name == said.name:
                    raise name_taken(said.name)
                if address_key(each.address) == key:
                    raise url_taken(each.name)

    def _changeable(self, endpoint_id: str) -> RegisteredEndpoint:
        endpoint = self.find(endpoint_id)
        if endpoint.registration.is_read_only:
            raise Forbidden(
                f"Endpoint '{endpoint.name}' is in the settings file and is changed there; then restart the server.",
                code="read_only",
            )
        return endpoint

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            self.registry.close_retired()
            async with self._lock:
                await self._rows.try_refresh()


def _not_found(endpoint_id: str) -> RouteNotFound:
    return RouteNotFound(
        f"No endpoint has the id '{endpoint_id[:_SHOWN_IDS]}'; GET /v0/endpoints lists them.", code="endpoint_not_found"
    )
