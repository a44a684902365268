"""Listening: the wire or Hypercorn alone on one port, from the first socket to the last answer."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine
from typing import Literal

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from llmlb_core.errors import AddressInUse, SettingsInvalid
from llmlb_core.garbage import looked_for_between_calls
from llmlb_core.house import House
from llmlb_core.settings.sections import Settings
from llmlb_core.web.app import create_app
from llmlb_core.wire.handover import Handover
from llmlb_core.wire.server import WireServer
from llmlb_core.wire.tls import server_context

BACKLOG = 4096
KEEP_ALIVE_S = 75.0
GRACE_S = 2.0
SWITCH_INTERVAL_S = 0.0005
"""How long a busy thread may keep the loop waiting; Python's own 5 ms would be felt in every stream."""
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


def url_of(settings: Settings, listener: socket.socket) -> str:
    """Return the address that clients of *listener* use."""
    host, port = listener.getsockname()[:2]
    scheme = "http" if settings.server.tls is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


async def serve(settings: Settings, listener: socket.socket, ready: Callable[[House], None], plane: Plane = "wire") -> None:
    """Serve until SIGTERM or SIGINT: no new calls → drain → connections → the house in reverse.

    Args:
        settings: What to run.
        listener: Bound by ``bind``.
        ready: Called once, when calls are answered.
        plane: ``web`` serves everything by Hypercorn alone.
    """
    signals = _Signals(asyncio.get_running_loop())
    tls = server_context(settings)
    house = House(settings)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    async with house.open():

        async def until_stopped(stop_accepting: Callable[[], None] = lambda: None) -> None:
            with looked_for_between_calls(lambda: not house.pipeline.running.count):
                ready(house)
                await signals.stop.wait()
            stop_accepting()
            await signals.unless_again(house.pipeline.running.drain(settings.server.drain_timeout_s))
            await house.pipeline.running.drain(0)

        app = create_app(settings, house=house)
        config = _config(settings, tls)
        if plane == "web":
            # Hypercorn closes what it listens on, and ours is closed by whoever opened it.
            config.bind = [f"fd://{listener.dup().detach()}"]
            await hypercorn_serve(app, config, shutdown_trigger=until_stopped)
            return
        wire = WireServer(house.pipeline, house.host.registry.dialects, Handover(app, config))
        await wire.start(listener, tls)
        try:
            await until_stopped(wire.stop_accepting)
        finally:
            await wire.stop(GRACE_S)


class _Signals:
    """SIGTERM and SIGINT: the first asks to stop, the second to stop waiting for running calls.

    Attributes:
        stop: Set by the first.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.stop = asyncio.Event()
        self._again = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self._came)
            except NotImplementedError:  # Windows' event loop: the handler runs in the main thread instead
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._came))

    def _came(self) -> None:
        (self._again if self.stop.is_set() else self.stop).set()

    async def unless_again(self, waiting: Coroutine[None, None, None]) -> None:
        """Await *waiting*, but no longer than until a second signal."""
        tasks = (asyncio.create_task(waiting), asyncio.create_task(self._again.wait()))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Config(Config):
    """Hypercorn's settings, with a TLS context that is made already."""

    tls: ssl.SSLContext | None = None

    @property
    def ssl_enabled(self) -> bool:
        return self.tls is not None

    def create_ssl_context(self) -> ssl.SSLContext | None:
        return self.tls


def _config(settings: Settings, tls: ssl.SSLContext | None) -> Config:
    config = _Config()
    config.tls = tls
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.graceful_timeout = GRACE_S
    config.h11_max_incomplete_size = 64 * 1024
    config.backlog = BACKLOG
    config.loglevel = settings.log.level
    return config
