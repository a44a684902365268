"""What is told of calls that are over: observers in batches, feedback at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

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
    """

    name: ClassVar[str]

    @abstractmethod
    def on_end(self, record: Record) -> None:
        """Note a finished call. Sync, on the event loop, no I/O, about a microsecond; never skipped.

        What it raises is recorded with its plugin and hurts nobody else.
        """
