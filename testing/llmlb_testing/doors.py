"""The whole server in this process, with both its doors: the wire on a free port of the loopback, and the ASGI application."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from attrs import define

if TYPE_CHECKING:
    from llmlb_core.house import House
    from llmlb_core.settings.sections import Settings


@define(eq=False)
class Doors:
    """A running server.

    Attributes:
        house: What it is made of.
        app: The ASGI application; HTTP/2 clients of the port come to it too.
        address: Host and port of the wire.
    """

    house: House
    app: Any  # Quart has a type for it; whoever calls it by ASGI needs none
    address: tuple[str, int]

    @property
    def url(self) -> str:
        """Of the port."""
        return f"http://{self.address[0]}:{self.address[1]}"


@asynccontextmanager
async def open_doors(settings: Settings, prepare: Callable[[House], None] | None = None) -> AsyncIterator[Doors]:
    """Open a house with *settings* and both its doors; close everything at the end.

    Args:
        settings: Of the house.
        prepare: Called with the house before it is opened: puts something into its registry that no plugin brings.
    """
    from hypercorn.config import Config

    from llmlb_core.house import House
    from llmlb_core.web.app import create_app
    from llmlb_core.wire.handover import Handover
    from llmlb_core.wire.server import WireServer

    house = House(settings)
    if prepare is not None:
        prepare(house)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(house.open())
        app = create_app(house.settings, house=house)
        config = Config()
        config.accesslog = config.errorlog = None
        handover = Handover(app, config)
        wire = WireServer(house.pipeline, house.host.registry.dialects, handover)
        await handover.start()
        # The protocol is named, as the real listener's is: else asyncio leaves Nagle's algorithm on, and small writes wait 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        await wire.start(listener)
        try:
            yield Doors(house, app, listener.getsockname())
        finally:
            wire.stop_accepting()
            await handover.stop(0.1)
            await wire.stop()
