"""What providers say of their limits with every answer (82491000-F11): read from its head, kept until the next one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from llmlb_core.upstream.address import Address
from llmlb_core.upstream.connection import Connection
from llmlb_core.upstream.pool import Pool
from llmlb_core.upstream.sweep import Sweep

_SIGNS = (b"x-ratelimit-", b"anthropic-ratelimit-")
MOST_TOLD = 32
LONGEST = 64


class RateLimits(Pool):
    """A pool whose connections note what is told of limits.

    Attributes:
        told: By header, in lower case, as the provider wrote it; of the last answer that said anything.
        told_at: Unix time of that; None = never.
    """

    def __init__(self, address: Address, sweep: Sweep) -> None:
        """Begin without connections, and with nothing told."""
        super().__init__(address, sweep)
        self.told: dict[str, str] = {}
        self.told_at: float | None = None

    def _new(self) -> Connection:
        return NotingConnection(self)

    def shown(self) -> Mapping[str, object] | None:
        """Return it for operators; None where nothing was told."""
        if self.told_at is None:
            return None
        return {"told_at": datetime.fromtimestamp(self.told_at, UTC).isoformat(timespec="seconds"), **self.told}


class NotingConnection(Connection):
    """Gives headers about limits to its pool, all others to the exchange."""

    __slots__ = ("_limits",)

    def __init__(self, pool: RateLimits) -> None:
        """Belong to *pool*."""
        super().__init__(pool)
        self._limits = pool

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note it, or pass it on."""
        lower = name.lower()
        if not lower.startswith(_SIGNS):
            super().on_header(name, value)
            return
        pool, header = self._limits, lower.decode("latin-1")
        if len(value) <= LONGEST and (header in pool.told or len(pool.told) < MOST_TOLD):
            pool.told[header] = value.decode("latin-1")
            pool.told_at = time.time()
