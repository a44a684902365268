"""Watching every registered server: one task each, some at a time, none of them in a call's way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime

import attrs

from llmlb_core.contracts.endpoint_kind import Server
from llmlb_core.domain.registration import EndpointStatus, HealthCheck
from llmlb_core.endpoints.asking import Asker
from llmlb_core.endpoints.breakers import Breakers
from llmlb_core.endpoints.news import News
from llmlb_core.endpoints.probe import UNKNOWN, look, recognise
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.registry import EndpointRegistry
from llmlb_core.endpoints.states import after_failure, after_success, wait_s
from llmlb_core.endpoints.sync import LISTED_EVERY_S, Synced, sync
from llmlb_core.endpoints.traffic import TrafficHealth
from llmlb_core.errors import EndpointFailed, ServerError, ServerUnreachable
from llmlb_core.settings.sections import HealthSettings

JITTER = 0.1
"""Of a wait, which is shortened by up to that: a hundred servers are not asked in one moment."""
LOADING_PAUSE_S = 2.0
"""Between two looks at a server that still loads: calls may be waiting for it."""

_log = logging.getLogger("llmlb.endpoints")


class HealthWatch:
    """Looks at servers until it is stopped. A server that does not answer costs nobody else anything.

    Attributes:
        is_idle: Whether servers are looked at only where somebody asks for it.
    """

    def __init__(
        self,
        registry: EndpointRegistry,
        asker: Asker,
        settings: HealthSettings,
        news: News,
        breakers: Breakers,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Watch the servers of *registry*.

        Args:
            registry: What is seen is brought there.
            asker: Asks.
            settings: How often, how long, how many at a time.
            news: Told what is seen.
            breakers: Told of servers that are well.
            chance: Between 0 and 1; decides how much a wait is shortened.
        """
        self._registry = registry
        self._asker = asker
        self._settings = settings
        self._news = news
        self._chance = chance
        self._breakers = breakers
        self._traffic = TrafficHealth(registry, news, breakers)
        self.is_idle = False
        self._slots = asyncio.Semaphore(settings.parallel_count)
        self._tasks: dict[RegisteredEndpoint, asyncio.Task[None]] = {}
        self._locks: dict[RegisteredEndpoint, asyncio.Lock] = {}

    def watch(self, endpoint: RegisteredEndpoint) -> None:
        """Look at *endpoint* now and from time to time; anew, where it is watched already."""
        self.forget(endpoint)
        if self.is_idle:
            return
        self._tasks[endpoint] = asyncio.create_task(self._follow(endpoint), name=f"watch {endpoint.name}")

    def forget(self, endpoint: RegisteredEndpoint) -> None:
        """Look at *endpoint* no more."""
        task = self._tasks.pop(endpoint, None)
        if task is not None:
            task.cancel()
        self._traffic.forget(endpoint)
        lock = self._locks.get(endpoint)
        if lock is not None and not lock.locked():
            del self._locks[endpoint]

    async def stop(self) -> None:
        """End every task."""
        tasks = [*self._tasks.values()]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def server(self, endpoint: RegisteredEndpoint) -> Server:
        """Return the way to ask *endpoint*."""
        said = endpoint.registration
        return self._asker.server(endpoint.name, endpoint.address, said.key, deadline_s=self._settings.timeout_s)

    async def look(self, endpoint: RegisteredEndpoint) -> HealthCheck:
        """Look at *endpoint* now, whatever was planned; where it is well again, its models are asked for too (66555000-F16).

        Returns:
            What was seen; a server that is not well is no exception.
        """
        async with self._locks.setdefault(endpoint, asyncio.Lock()), self._slots:
            return await self._look(endpoint)

    async def sync(self, endpoint: RegisteredEndpoint) -> Synced:
        """Ask *endpoint* for its models now.

        Raises:
            ServerError: It cannot be told; those known before stay (66555000-E3).
        """
        async with self._locks.setdefault(endpoint, asyncio.Lock()), self._slots:
            if endpoint.condition.status is EndpointStatus.PENDING or endpoint.registration.kind is None:
                await self._recognise(endpoint, self.server(endpoint))
            return await self._sync(endpoint)

    async def _follow(self, endpoint: RegisteredEndpoint) -> None:
        interval_s = self._interval_s(endpoint)
        if not interval_s:
            self._traffic.watch(endpoint)
            await self._list_once(endpoint)
            return
        while True:
            try:
                await self.look(endpoint)
            except Exception:  # noqa: BLE001  # a defect: the server is looked at again, this task must go on
                _log.exception("health_check_failed", extra={"facts": {"endpoint": endpoint.name}})
            pause_s = wait_s(interval_s, endpoint.condition)
            if endpoint.is_loading:
                pause_s = min(pause_s, LOADING_PAUSE_S)
            if endpoint.kind_object.is_passive:
                self._traffic.watch(endpoint)
                if endpoint.registration.is_kind_fixed:
                    return
                # It may only have been starting when it was recognised: asked again from time to time what it is.
                pause_s = max(pause_s, LISTED_EVERY_S)
            else:
                self._traffic.forget(endpoint)
            await asyncio.sleep(pause_s * (1 - JITTER * self._chance()))

    async def _list_once(self, endpoint: RegisteredEndpoint) -> None:
        """Ask for the models of a server that is not looked at, unless its operator named them."""
        while not endpoint.served:
            with contextlib.suppress(ServerError):
                await self.sync(endpoint)
                return
            await asyncio.sleep(HealthSettings().interval_s)

    def _interval_s(self, endpoint: RegisteredEndpoint) -> float:
        own = endpoint.registration.check_interval_s
        return self._settings.interval_s if own is None else own

    async def _look(self, endpoint: RegisteredEndpoint) -> HealthCheck:
        server = self.server(endpoint)
        before = endpoint.condition
        was_well = before.status is EndpointStatus.ONLINE
        try:
            # One that was away may have become another program.
            if not was_well or endpoint.kind_object is UNKNOWN or endpoint.kind_object.is_passive:
                await self._recognise(endpoint, server)
            seen = None if endpoint.kind_object.is_passive else await look(server, endpoint.kind_object, self._settings.timeout_s)
        except ServerError as error:
            check = self._failed(endpoint, error)
        else:
            after = after_success(endpoint.condition, _now(), None if seen is None else seen.latency_ms)
            self._registry.seen(endpoint, after, None if seen is None else seen.report)
            check = _check(endpoint, before.status, after.latency_ms, None)
        if endpoint.is_removed:
            return check
        if check.success:
            self._breakers.checked_well(endpoint)
        self._news.checked(endpoint, check)
        if check.success and (not was_well or self._is_list_old(endpoint)):
            await self._try_sync(endpoint)
        return check

    def _failed(self, endpoint: RegisteredEndpoint, error: ServerError) -> HealthCheck:
        before = endpoint.condition
        self._registry.seen(endpoint, after_failure(before, _now(), error.message))
        status = endpoint.condition.status
        if status is EndpointStatus.OFFLINE or (status is EndpointStatus.ERROR and isinstance(error, ServerUnreachable)):
            # One that only was slow to say how it is may be busy with these very calls; the next look tells. Streams have a
            # time limit of their own for silence.
            endpoint.fail_plain(EndpointFailed(f"Endpoint '{endpoint.name}' went away while it answered."))
        return _check(endpoint, before.status, None, error.message)

    async def _recognise(self, endpoint: RegisteredEndpoint, server: Server) -> None:
        said = endpoint.registration
        if said.is_kind_fixed:
            return
        kind = await recognise(server, self._registry.kinds.values())
        if kind is UNKNOWN:
            return  # what it was before asks on: what it answers to that says most
        if kind.name != endpoint.kind and not endpoint.is_removed:
            self._registry.recognised(endpoint, kind)
            self._news.recognised(endpoint)

    def _is_list_old(self, endpoint: RegisteredEndpoint) -> bool:
        listed_at = endpoint.listed_at
        return listed_at is None or (_now() - listed_at).total_seconds() >= LISTED_EVERY_S

    async def _try_sync(self, endpoint: RegisteredEndpoint) -> None:
        try:
            await self._sync(endpoint)
        except ServerError as error:
            facts = {"endpoint": endpoint.name, "code": error.code, "reason": error.message}
            _log.warning("models_not_listed", extra={"facts": facts})
            told = f"It answers, but its models cannot be listed: {error.message}"
            self._registry.seen(endpoint, attrs.evolve(endpoint.condition, last_error=told))

    async def _sync(self, endpoint: RegisteredEndpoint) -> Synced:
        synced = await sync(self._registry, endpoint, self.server(endpoint))
        if not endpoint.is_removed:
            self._news.synced(endpoint, synced)
        return synced


def _check(endpoint: RegisteredEndpoint, before: EndpointStatus, latency_ms: float | None, error: str | None) -> HealthCheck:
    after = endpoint.condition
    return HealthCheck(
        endpoint_id=endpoint.id,
        checked_at=after.checked_at or _now(),
        success=error is None,
        latency_ms=latency_ms,
        error=error,
        status_before=before,
        status_after=after.status,
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
