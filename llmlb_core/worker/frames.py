"""What crosses the channel between server and worker.

A frame is a head (4 bytes length of the payload, 1 byte kind, 4 bytes call number, big-endian) and a payload: msgpack, or
nothing. Call number 0 is the worker itself. The length is bounded on both sides.

======== ================= ========================================================
kind     direction         payload
======== ================= ========================================================
hello    worker → server   ``Hello``, at once after the start
load     server → worker   ``Load``
ready    worker → server   ``Ready``
open     both              a canonical request (``codec``); a worker returns it empty: the call has begun
delta    worker → server   ``Delta``
vectors  worker → server   ``Vectors``
media    worker → server   a ``MediaResult``: the name of its class, and its fields
end      worker → server   nothing: the call is over and nothing of it runs any more
fault    worker → server   ``Fault``: as end, with the error; number 0: loading failed
cancel   server → worker   nothing; answered by end or fault within 1 s
credit   server → worker   bytes of results that the call's reader took (unsigned)
ping     both              nothing; a worker returns it
stop     server → worker   nothing; the worker unloads and ends
======== ================= ========================================================
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

from attrs import frozen

from llmlb_core.domain.models import LocalModel, Placement
from llmlb_core.worker.limits import MAX_FRAME_BYTES

HEAD = struct.Struct("!IBI")


class Kind(IntEnum):
    """The second field of a frame."""

    HELLO = 1
    LOAD = 2
    READY = 3
    OPEN = 4
    DELTA = 5
    VECTORS = 6
    END = 7
    FAULT = 8
    CANCEL = 9
    CREDIT = 10
    PING = 11
    STOP = 12
    MEDIA = 13


@frozen
class Hello:
    """A worker's first words; ``protocol`` must be the server's."""

    protocol: int
    version: str
    pid: int
    python: str


@frozen
class Load:
    """What a worker runs; ``data_dir`` is for plugins that are classes."""

    model: LocalModel
    placement: Placement
    data_dir: Path


@frozen
class Ready:
    """What the loaded engine can take."""

    max_concurrency: int
    context_tokens: int | None
    load_s: float


@frozen
class Fault:
    """An error on its way to the server.

    Attributes:
        error: Name of a class in ``llmlb_core.errors``.
        culprit: See ``CallError``.
        traceback: Of what engine code raised, for the server's log.
    """

    error: str
    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None
    retry_after_s: float | None = None
    extras: dict[str, str | int | float] | None = None
    culprit: str | None = None
    traceback: str | None = None


@frozen
class Frame:
    """One frame, as it was read."""

    kind: Kind
    number: int
    payload: bytes


class FrameInvalid(Exception):
    """The other side sent what is no frame; the channel cannot be trusted any more."""


def pack(kind: Kind, number: int = 0, payload: bytes = b"") -> bytes:
    """Return the bytes of one frame.

    Raises:
        FrameInvalid: The payload is above ``MAX_FRAME_BYTES``.
    """
    if len(payload) > MAX_FRAME_BYTES:
        raise FrameInvalid(f"a {kind.name.lower()} frame would have {len(payload)} bytes, at most {MAX_FRAME_BYTES} are allowed")
    return HEAD.pack(len(payload), kind, number) + payload


class FrameReader:
    """Cuts a stream of bytes into frames. Holds at most one unfinished frame."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take *data*; yield the frames that are whole now.

        Raises:
            FrameInvalid: A length above the bound, or an unknown kind.
        """
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= HEAD.size:
                length, kind, number = HEAD.unpack_from(self._buffer, start)
                if length > MAX_FRAME_BYTES:
                    raise FrameInvalid(f"a frame announces {length} bytes, at most {MAX_FRAME_BYTES} are allowed")
                if kind not in _KINDS:
                    raise FrameInvalid(f"a frame has kind {kind}, expected 1 to {max(_KINDS)}")
                end = start + HEAD.size + length
                if len(self._buffer) < end:
                    break
                payload = bytes(memoryview(self._buffer)[start + HEAD.size : end])
                start = end
                yield Frame(_KINDS[kind], number, payload)
        finally:
            del self._buffer[:start]


_KINDS = {int(kind): kind for kind in Kind}
