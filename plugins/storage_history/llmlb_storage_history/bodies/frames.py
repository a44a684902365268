"""What crosses the socket between the server and its recorder.

The server sends a ``Begin`` first and one ``Said`` a call; each is a head (three lengths, 4 bytes big-endian each), msgpack, and
the request and answer as they were. The recorder sends a ``Progress`` after each batch: one length, and msgpack.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Literal

import msgspec

HEAD = struct.Struct("!III")
LENGTH = struct.Struct("!I")
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_META_BYTES = 64 * 1024

Policy = Literal["masked", "full"]


class FrameInvalid(Exception):
    """The other side sent what is no frame; it cannot be trusted any more."""


class Begin(msgspec.Struct, tag="begin"):
    """The first frame.

    Attributes:
        ticket: Of the database; holds its password.
        max_kept_bytes: Of the whole table.
    """

    ticket: bytes
    policy: Policy
    max_kept_bytes: int

    def __repr__(self) -> str:
        """Return what may be shown."""
        return f"Begin(policy={self.policy!r})"


class Said(msgspec.Struct, tag="said"):
    """One call; its bodies follow.

    Attributes:
        started_at_ms: Since 1970.
    """

    id: str
    started_at_ms: int
    content_type: str
    is_request_cut: bool
    is_answer_cut: bool


class Progress(msgspec.Struct):
    """What became of calls since the last one.

    Attributes:
        done_count: Calls that the recorder has let go of, written or lost.
        lost_count: Those of them that could not be written.
        is_database_lost: Whether the recorder waits for its database.
    """

    done_count: int = 0
    lost_count: int = 0
    is_database_lost: bool = False


class Frame(msgspec.Struct):
    """One frame from the server, as it was read."""

    meta: Begin | Said
    request: bytes = b""
    answer: bytes = b""

    @property
    def size_bytes(self) -> int:
        """Of both bodies."""
        return len(self.request) + len(self.answer)


_encode = msgspec.msgpack.Encoder().encode
_decode_meta = msgspec.msgpack.Decoder(Begin | Said).decode
_decode_progress = msgspec.msgpack.Decoder(Progress).decode


def head_of(meta: Begin | Said, request_bytes: int = 0, answer_bytes: int = 0) -> bytes:
    """Return the frame of *meta* without the bodies, which follow it."""
    packed = _encode(meta)
    return HEAD.pack(len(packed), request_bytes, answer_bytes) + packed


def pack_progress(progress: Progress) -> bytes:
    """Return the frame of *progress*."""
    packed = _encode(progress)
    return LENGTH.pack(len(packed)) + packed


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame from the server; None at the end.

    Raises:
        FrameInvalid: A length above its bound, or not what is expected.
    """
    try:
        meta, request, answer = HEAD.unpack(await reader.readexactly(HEAD.size))
        if meta > MAX_META_BYTES or max(request, answer) > MAX_BODY_BYTES:
            raise FrameInvalid(f"a frame announces {meta}, {request} and {answer} bytes")
        return Frame(
            _decode_meta(await reader.readexactly(meta)), await reader.readexactly(request), await reader.readexactly(answer)
        )
    except asyncio.IncompleteReadError:
        return None  # the server ended, perhaps in the middle of a frame
    except msgspec.MsgspecError as error:
        raise FrameInvalid("a frame holds something else than was expected") from error


class ProgressReader:
    """Cuts what the recorder sends into its frames."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._buffer = b""

    def feed(self, data: bytes) -> list[Progress]:
        """Take *data*; return what is whole now.

        Raises:
            FrameInvalid: A length above its bound, or not what is expected.
        """
        self._buffer += data
        found: list[Progress] = []
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            if length > MAX_META_BYTES:
                raise FrameInvalid(f"a frame announces {length} bytes")
            end = LENGTH.size + length
            if len(self._buffer) < end:
                break
            try:
                found.append(_decode_progress(self._buffer[LENGTH.size : end]))
            except msgspec.MsgspecError as error:
                raise FrameInvalid("a frame holds something else than was expected") from error
            self._buffer = self._buffer[end:]
        return found
