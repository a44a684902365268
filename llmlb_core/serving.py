"""Listening: the wire or Hypercorn alone on one port, from the first socket to the last answer."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Literal

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from llmlb_core.errors import AddressInUse, SettingsInvalid
from llmlb_core.house import House
from llmlb_core.settings.sections import Settings
from llmlb_core.web.app import create_app
from llmlb_core.wire.handover import Handover
from llmlb_core.wire.server import WireServer

BACKLOG = 4096
KEEP_ALIVE_S = 75.0
GRACE_S = 2.0
Plane = Literal["wire", "web"]


def bind(settings: Settings) -> socket.socket:
    """Return a socket that is bound to the address of *settings*.

    Raises:
        AddressInUse: Somebody else listens there, or this machine has no such address.
        SettingsInvalid: Authentication is disabled and the address is not loopback.
    """
    host, port = settings.server.host, settings.server.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise AddressInUse(
            f"Cannot listen on {host}: {error.strerror}. Set [server] host to an address of this machine."
        ) from error
    if settings.auth.is_disabled and not (address[0] == "::1" or str(address[0]).startswith("127.")):
        raise SettingsInvalid(
            f"[auth] is_disabled lets everybody in, so it only listens on loopback, but [server] host is {host}. "
            "Set it to 127.0.0.1, or turn authentication on."
        )
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"Port {port} on {host} is taken by another process. Stop it, or choose another port: llmlb serve --port {port + 1}"
            ) from error
        raise AddressInUse(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address that clients of *listener* use."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def serve(settings: Settings, listener: socket.socket, ready: Callable[[House], None], plane: Plane = "wire") -> None:
    """Serve until SIGTERM or SIGINT: no new calls → drain → connections → the house in reverse.

    Args:
        settings: What to run.
        listener: Bound by ``bind``.
        ready: Called once, when calls are answered.
        plane: ``web`` serves everything by Hypercorn alone.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows' event loop: the handler runs in the main thread instead
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    house = House(settings)
    async with house.open():
        gc.collect()
        gc.freeze()  # what lives now lives for ever: later collections need not look at it

        async def until_stopped() -> None:
            ready(house)
            await stop.wait()
            await house.pipeline.running.drain(settings.server.drain_timeout_s)

        app = create_app(settings, house=house)
        config = _config(settings, listener)
        if plane == "web":
            await hypercorn_serve(app, config, shutdown_trigger=until_stopped)
        else:
            await _serve_wire(house, Handover(app, config), listener, until_stopped)


async def _serve_wire(
    house: House, handover: Handover, listener: socket.socket, until_stopped: Callable[[], Awaitable[None]]
) -> None:
    """Serve inference on the wire and everything else through *handover*, until told to stop."""
    wire = WireServer(house.pipeline, house.host.registry.dialects, handover)
    await handover.start()
    await wire.start(listener)
    try:
        await until_stopped()
    finally:
        wire.stop_accepting()
        await handover.stop(GRACE_S)
        await wire.stop()


def _config(settings: Settings, listener: socket.socket) -> Config:
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.graceful_timeout = GRACE_S
    config.h11_max_incomplete_size = 64 * 1024
    config.backlog = BACKLOG
    config.loglevel = settings.log.level
    return config
