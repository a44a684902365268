"""The channel between the server and one worker: frames, both ways, in order.

``Channel`` is all that the rest of the room knows. ``SocketChannel`` runs over a socketpair; another system's pipe needs a class
with the same three methods and a form of ``open_pair`` and ``connect_child``.
"""

from __future__ import annotations

import asyncio
import os
import socket
from abc import ABC, abstractmethod
from typing import Protocol, cast

from llmlb_core.worker.frames import Frame, FrameInvalid, FrameReader, Kind, pack


class Receiver(Protocol):
    """Who gets the frames; called on the loop, must not wait."""

    def on_frame(self, frame: Frame) -> None:
        """Take one frame."""
        ...

    def on_closed(self, error: Exception | None) -> None:
        """The other side is gone, or sent what is no frame. Called once, last."""
        ...


class Channel(ABC):
    """One end of a channel."""

    @abstractmethod
    def send(self, kind: Kind, number: int = 0, payload: bytes = b"") -> None:
        """Send a frame; never waits. Sending to a closed channel does nothing: ``on_closed`` told it already."""

    @abstractmethod
    async def drained(self) -> None:
        """Wait while more is unsent than should be."""

    @abstractmethod
    def close(self) -> None:
        """Close this end, at once; the other side reads the end of file."""


class SocketChannel(asyncio.Protocol, Channel):
    """A channel over a connected stream socket."""

    def __init__(self, receiver: Receiver) -> None:
        """Deliver to *receiver*; use ``connect``."""
        self._receiver = receiver
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._broken: Exception | None = None

    @classmethod
    async def connect(cls, sock: socket.socket, receiver: Receiver) -> SocketChannel:
        """Run frames over *sock*, which the channel owns from now on."""
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(lambda: cls(receiver), sock=sock)
        return channel

    def send(self, kind: Kind, number: int = 0, payload: bytes = b"") -> None:
        """Send a frame."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(pack(kind, number, payload))

    async def drained(self) -> None:
        """Wait while the socket takes no more."""
        await self._writable.wait()

    def close(self) -> None:
        """Close the socket, whatever is unsent."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports are none of asyncio's classes, but have the same methods.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Deliver what became whole."""
        try:
            for frame in self._reader.feed(data):
                self._receiver.on_frame(frame)
        except Exception as error:  # noqa: BLE001  # a frame or payload that cannot be read: the other side cannot be trusted
            self._broken = error if isinstance(error, FrameInvalid) else FrameInvalid(f"{type(error).__name__}: {error}")
            self.close()

    def pause_writing(self) -> None:
        """The socket is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The socket takes more."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the receiver."""
        self._writable.set()
        self._receiver.on_closed(self._broken or exc)


def open_pair() -> tuple[socket.socket, socket.socket]:
    """Return the server's end and the worker's end; neither is inherited unless asked for."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def address_of(sock: socket.socket) -> str:
    """Return how a worker that inherits *sock* finds it; an argument of its command line."""
    return f"fd:{sock.fileno()}"


def connect_child(address: str) -> socket.socket:
    """Return the worker's end by its address, closed to processes that the engine may start.

    Raises:
        ValueError: Not an address that this system knows.
    """
    scheme, _, number = address.partition(":")
    if scheme != "fd" or not number.isdigit():
        raise ValueError(f"the channel address is {address!r}, expected fd:NUMBER; workers are started by the server")
    os.set_inheritable(int(number), False)
    return socket.socket(fileno=int(number))
