"""What a client's connection sees of the server that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from llmlb_core.pipeline import Pipeline
from llmlb_core.upstream.sweep import Sweep
from llmlb_core.wire.clock import Clock
from llmlb_core.wire.heads import Heads
from llmlb_core.wire.limits import ClientLimits

if TYPE_CHECKING:
    from llmlb_core.wire.client import ClientConnection
    from llmlb_core.wire.linger import Linger


class Lender(Protocol):
    """Who serves what is not inference."""

    def lend(self, connection: ClientConnection, data: bytes, *, http2: bool) -> None:
        """Serve the request that *data* begins with, on the connection's own socket; ``come_home`` follows."""
        ...


class Surroundings(Protocol):
    """What all connections of a server share; ``WireServer`` is one."""

    pipeline: Pipeline
    heads: Heads
    limits: ClientLimits
    sweep: Sweep
    clock: Clock
    connections: set[ClientConnection | Linger]
    is_stopping: bool

    @property
    def lender(self) -> Lender:
        """Who serves what is not inference."""
        ...
