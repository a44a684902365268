"""Listening: Hypercorn in front of the app, from the first socket to the last answer."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Callable

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from llmlb_core.errors import AddressInUse, SettingsInvalid
from llmlb_core.house import House
from llmlb_core.settings.sections import Settings
from llmlb_core.web.app import create_app

BACKLOG = 4096
KEEP_ALIVE_S = 75.0


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


async def serve(settings: Settings, listener: socket.socket, ready: Callable[[House], None]) -> None:
    """Serve until SIGTERM or SIGINT: no new calls → drain → Hypercorn → the house in reverse.

    Args:
        settings: What to run.
        listener: Bound by ``bind``.
        ready: Called once, when calls are answered.
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
        await hypercorn_serve(app, _config(settings, listener), shutdown_trigger=until_stopped)


def _config(settings: Settings, listener: socket.socket) -> Config:
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.graceful_timeout = 2.0
    config.h11_max_incomplete_size = 64 * 1024
    config.backlog = BACKLOG
    config.loglevel = settings.log.level
    return config
