"""What is told of calls that are over: observers in batches, feedback at once, and bodies to those who keep them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import ClassVar

from attrs import frozen

from llmlb_core.domain.records import Record


class Observer(ABC):
    """Takes the records of finished calls: for a history, a bill, an export.

    It has a queue and a task of its own, off every call's path: one that is slow loses records of its own (counted), one that
    raises loses the batch (counted, and told in its plugin's status), and neither is noticed by calls or by other observers.

    Attributes:
        name: What metrics and settings call it.
        dropped_count: Records that it took and lost itself; the core adds those that it could not deliver.
    """

    name: ClassVar[str]
    dropped_count: int = 0

    def wants(self, record: Record) -> bool:
        """Whether *record* is for this observer; all by default. Asked in its own task, not on the call's path."""
        del record
        return True

    @abstractmethod
    async def observe(self, records: Sequence[Record]) -> None:
        """Take the next records, oldest first, 1 to 500; the next batch waits until this returns.

        Called a few times a second while there are calls, and once more when the server stops. Records are shared: read them.
        Cancelled when it takes longer than 30 s.
        """


class Feedback(ABC):
    """Is told of every call at the moment it ends: for quotas, tallies, anything that decides about the next call.

    Attributes:
        name: What settings call it.
        serves: Who reads what it learns: routers, parts of routers, an admission policy. It is told of calls only where settings
            use one of them, so that a router which nobody names costs nothing. Empty = it is told always.
    """

    name: ClassVar[str]
    serves: Collection[object] = ()

    @abstractmethod
    def on_end(self, record: Record) -> None:
        """Note a finished call. Sync, on the event loop, no I/O, about a microsecond; never skipped.

        What it raises is recorded with its plugin and hurts nobody else.
        """


@frozen
class Bodies:
    """What one call said, byte for byte, up to the sink's bound.

    Attributes:
        record: Of the finished call; shared, so read it.
        request: The request body.
        answer: The answer's body as it was sent, with heartbeats and in-band errors; less than all where the client left.
        content_type: Of the answer.
        is_request_cut: Whether the request was longer than ``max_body_bytes``; *request* is its beginning.
        is_answer_cut: The same of the answer.
    """

    record: Record
    request: bytes
    answer: bytes | bytearray
    content_type: str
    is_request_cut: bool = False
    is_answer_cut: bool = False

    @property
    def size_bytes(self) -> int:
        """Of both bodies together."""
        return len(self.request) + len(self.answer)


class BodySink(ABC):
    """Takes the bodies of calls, content and all: contribute one only where the operator asked for it.

    While there is one, the core copies what goes out of every call whose body was read, and holds it until the call ends. What
    the calls that run and the sink hold together stays below ``max_held_bytes``: a call that would pass it is not kept, and
    counted. Calls themselves never wait for a sink and never fail because of one.

    Attributes:
        name: What metrics call it.
        max_body_bytes: Longer bodies are cut.
        max_held_bytes: For all calls and the sink together.
        held_bytes: What the sink holds now of what it took.
        dropped_count: Calls whose bodies were lost. The core raises it where the bound was met, the sink where it lost one itself.
        failure_count: How often what keeps the bodies broke down and was begun again.

    .. versionadded:: 0.1
    """

    name: ClassVar[str]
    max_body_bytes: int = 1024 * 1024
    max_held_bytes: int = 64 * 1024 * 1024
    held_bytes: int = 0
    dropped_count: int = 0
    failure_count: int = 0

    @abstractmethod
    def take(self, bodies: Bodies) -> None:
        """Take what one call said; from now on it counts in ``held_bytes`` until the sink lets go of it.

        Called when the call has ended. Sync, on the event loop, no I/O that waits, well under a millisecond.
        What it raises is recorded with its plugin and hurts nobody else.
        """
