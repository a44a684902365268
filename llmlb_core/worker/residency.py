"""Which models may be in memory together: a limit of bytes and of count, least recently used first out, never one in use."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from llmlb_core.errors import ModelTooLarge, NoEndpoint

log = logging.getLogger(__name__)
RETRY_S = 5.0


class Tenant(Protocol):
    """A model that takes memory while it is loaded."""

    name: str
    last_used_at: float

    @property
    def estimate_bytes(self) -> int:
        """What it should take; counts until it can be measured."""
        ...

    @property
    def measured_bytes(self) -> int | None:
        """What it takes now, or None."""
        ...

    @property
    def is_idle(self) -> bool:
        """Whether it is loaded and nobody uses it or holds a lease on it."""
        ...

    async def unload_idle(self) -> None:
        """Unload where it is still idle; returns when its memory is free."""
        ...


class Residency:
    """Gives room to models that load.

    Measured memory decides; the estimate stands in while a model loads, and where the system does not tell.
    """

    def __init__(self, limit_bytes: int, max_count: int | None = None) -> None:
        """Start empty, with the limits of ``[workers]``."""
        self.limit_bytes = limit_bytes
        self._max_count = max_count
        self._tenants: list[Tenant] = []
        self._lock = asyncio.Lock()

    @property
    def used_bytes(self) -> int:
        """What all tenants take now, as far as known."""
        return sum(_weight(tenant) for tenant in self._tenants)

    async def admit(self, tenant: Tenant) -> None:
        """Make *tenant* one of those in memory, unloading idle ones as needed, least recently used first.

        Raises:
            ModelTooLarge: It does not fit even alone.
            NoEndpoint: Those in memory are in use; later it may fit.
        """
        async with self._lock:  # one at a time, or two would count the same room
            needed = tenant.estimate_bytes
            if needed > self.limit_bytes:
                raise ModelTooLarge(
                    f"Model {tenant.name!r} needs about {_size(needed)}, the limit for all models is {_size(self.limit_bytes)} "
                    f"({needed} and {self.limit_bytes} bytes). Use a smaller quantisation or raise workers.memory_limit_bytes."
                )
            while self._has_no_room(needed):
                victim = self._oldest_idle(tenant)
                if victim is None:
                    raise self._full(tenant, needed)
                await self._unload(victim, tenant)
            self._tenants.append(tenant)

    def leave(self, tenant: Tenant) -> None:
        """Forget *tenant*, whose process is gone."""
        if tenant in self._tenants:
            self._tenants.remove(tenant)

    async def settle(self, tenant: Tenant) -> None:
        """Hold the limit now that *tenant* has loaded and can be measured.

        Raises:
            ModelTooLarge: It takes more than the limit on its own.
        """
        taken = _weight(tenant)
        if taken > self.limit_bytes:
            raise ModelTooLarge(
                f"Model {tenant.name!r} takes {_size(taken)}, the limit for all models is {_size(self.limit_bytes)} "
                f"({taken} and {self.limit_bytes} bytes). Use a smaller quantisation or raise workers.memory_limit_bytes."
            )
        await self.trim(keep=tenant)

    async def trim(self, keep: Tenant | None = None) -> None:
        """Unload idle models, but not *keep*, while more memory is taken than may be; those in use stay until they are idle."""
        if self.used_bytes <= self.limit_bytes:
            return
        async with self._lock:
            while self.used_bytes > self.limit_bytes and (victim := self._oldest_idle(keep)) is not None:
                await self._unload(victim, keep)

    def _has_no_room(self, needed: int) -> bool:
        if self._max_count is not None and len(self._tenants) >= self._max_count:
            return True
        return self.used_bytes + needed > self.limit_bytes

    def _oldest_idle(self, exclude: Tenant | None) -> Tenant | None:
        idle = [tenant for tenant in self._tenants if tenant is not exclude and tenant.is_idle]
        return min(idle, key=lambda tenant: tenant.last_used_at, default=None)

    async def _unload(self, victim: Tenant, winner: Tenant | None) -> None:
        log.info(
            "model %s unloads to make room",
            victim.name,
            extra={"event": "model_evicted", "model": victim.name, "for": winner.name if winner else None},
        )
        await victim.unload_idle()

    def _full(self, tenant: Tenant, needed: int) -> NoEndpoint:
        names = ", ".join(sorted(other.name for other in self._tenants))
        if self._max_count is not None and len(self._tenants) >= self._max_count:
            seen = f"{len(self._tenants)} of {self._max_count} models are loaded"
        else:
            used = self.used_bytes
            seen = (
                f"it needs about {_size(needed)}, and {_size(used)} of {_size(self.limit_bytes)} are taken "
                f"({needed}, {used} and {self.limit_bytes} bytes)"
            )
        return NoEndpoint(
            f"There is no room for model {tenant.name!r} now: {seen}, all in use ({names}). Try again when their calls are over.",
            retry_after_s=RETRY_S,
        )


def _weight(tenant: Tenant) -> int:
    measured = tenant.measured_bytes
    return tenant.estimate_bytes if measured is None else measured


def _size(count_bytes: int) -> str:
    if count_bytes >= 1024**3:
        return f"{count_bytes / 1024**3:.1f} GiB"
    return f"{count_bytes / 1024**2:.1f} MiB"
