"""The seam between the pipeline and the two planes: where an answer leaves, and where a body arrives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import Task
from collections.abc import Sequence
from typing import Protocol

Headers = Sequence[tuple[str, str]]


class Source(Protocol):
    """What writes to an outlet from callbacks, and can be told to stop for a while."""

    def pause(self) -> None:
        """Write no more."""
        ...

    def resume(self) -> None:
        """Write on."""
        ...

    def abort(self) -> None:
        """Write never again: nobody is there to read it. Does nothing where all is written."""
        ...


class Sink(Protocol):
    """Where the body of an answer goes: an ``Outlet``, or whoever reads the answer for a client of another dialect.

    Attributes:
        is_paused: See ``Outlet``; likewise its ``source``.
    """

    is_paused: bool
    source: Source | None

    def write(self, data: bytes) -> None:
        """Take a piece of the body; never blocks."""
        ...

    def fail(self) -> None:
        """The rest will not come, for nobody took what was there."""
        ...


class Outlet(ABC):
    """One request's way in and out. The plane that makes it cancels the call's task when the client leaves.

    Attributes:
        task: The task that serves the call; set by the plane before its first step. Who ends the call cancels it.
        opened: Whether status and headers went out.
        committed: Whether content went out; set by the stage ``render``.
        is_paused: Whether the client reads more slowly than we write: await ``drained`` before the next write.
        bytes_out: Body bytes written.
        source: Resumed when the client has read enough; pauses itself when it sees ``is_paused``.
    """

    task: Task[None] | None = None
    opened: bool = False
    committed: bool = False
    status: int = 0
    bytes_out: int = 0
    is_paused: bool = False
    source: Source | None = None

    def announced_bytes(self) -> int | None:
        """Return how long the client said that the request body is; None where it did not, or where the head's headers tell it."""
        return None

    def body_at_once(self, max_bytes: int) -> bytes | None:
        """Return the whole request body where it is there already and not too large; None = await ``body``."""
        del max_bytes
        return None

    @abstractmethod
    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the whole request body.

        Args:
            max_bytes: The limit of the route.
            timeout_s: How long the client may be silent between two pieces.

        Raises:
            BodyTooLarge: More than *max_bytes*, announced or sent.
            BodyTimeout: Silent for too long.
        """

    @abstractmethod
    async def piece(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return what has come of the request body since the last call, waiting where that is nothing; ``b""`` = it is over.

        Instead of ``body``, for bodies that are too large to be kept. Who does not call it again lets the client wait.

        Args:
            max_bytes: Of the whole body.
            timeout_s: How long the client may be silent.

        Raises:
            BodyTooLarge: More than *max_bytes*, announced or sent.
            BodyTimeout: Silent for too long.
            InvalidRequest: What comes is no body.
        """

    def note_body(self, summary: bytes) -> None:
        """Take what is to be kept, by those that keep bodies, of a body that was read in pieces."""

    @abstractmethod
    def open(self, status: int, headers: Headers, length: int | None = None) -> None:
        """Send the head. Once.

        Args:
            status: Of the answer.
            headers: In order, without ``content-length``; what is not printable is replaced.
            length: Of the body, in bytes; None where it is streamed.
        """

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send a piece of the body; never blocks."""

    @abstractmethod
    async def drained(self) -> None:
        """Wait until the client has read enough; raises ``asyncio.CancelledError`` where it left."""

    @abstractmethod
    def end(self) -> None:
        """Finish the answer."""

    @abstractmethod
    def fail(self) -> None:
        """Break the connection: the answer cannot be finished and the dialect has no way to say so."""
