"""What the server hands bodies to: counted, bounded, sent on as the recorder reads; never on a call's path."""

from __future__ import annotations

import time
from collections import deque
from typing import ClassVar, Protocol

from llmlb_core import Bodies, BodySink
from llmlb_storage_history.bodies.frames import Progress, Said, head_of

COST_BYTES = 2048
"""What a call takes beside its bodies; counted too, so that a million empty ones cannot fill the memory."""
_MAX_TEXT = 200


class Line(Protocol):
    """The way to a recorder that runs."""

    @property
    def is_writable(self) -> bool:
        """Whether it takes more."""
        ...

    def write(self, *parts: bytes | bytearray) -> None:
        """Send *parts*; never waits."""
        ...


class BodyKeeper(BodySink):
    """Keeps the bodies of calls until the recorder has written them."""

    name: ClassVar[str] = "history"

    def __init__(self, max_body_bytes: int, max_held_bytes: int) -> None:
        """Hold nothing."""
        self.max_body_bytes = max_body_bytes
        self.max_held_bytes = max_held_bytes
        self._waiting: deque[Bodies] = deque()
        self._sent_bytes: deque[int] = deque()
        self._line: Line | None = None

    @property
    def waiting_count(self) -> int:
        """Calls that were not sent yet."""
        return len(self._waiting)

    @property
    def unfinished_count(self) -> int:
        """Calls that the recorder has not let go of yet, sent or not."""
        return len(self._waiting) + len(self._sent_bytes)

    def take(self, bodies: Bodies) -> None:
        """Take what one call said, and send it where there is a recorder that reads."""
        cost = bodies.size_bytes + COST_BYTES
        if self.held_bytes + cost > self.max_held_bytes:
            self.dropped_count += 1
            return
        self.held_bytes += cost
        self._waiting.append(bodies)
        self.send()

    def attach(self, line: Line) -> None:
        """A recorder runs."""
        self._line = line
        self.send()

    def detach(self) -> None:
        """It runs no more: what it had and did not write is lost."""
        self._line = None
        self.dropped_count += len(self._sent_bytes)
        self.held_bytes -= sum(self._sent_bytes)
        self._sent_bytes.clear()

    def give_up(self) -> None:
        """Nobody will take what waits."""
        self.dropped_count += len(self._waiting)
        self.held_bytes -= sum(bodies.size_bytes + COST_BYTES for bodies in self._waiting)
        self._waiting.clear()

    def send(self) -> None:
        """Send what waits as long as the recorder takes it."""
        line, waiting = self._line, self._waiting
        while waiting and line is not None and line.is_writable:
            bodies = waiting.popleft()
            self._sent_bytes.append(bodies.size_bytes + COST_BYTES)
            line.write(head_of(_said(bodies), len(bodies.request), len(bodies.answer)), bodies.request, bodies.answer)

    def progressed(self, progress: Progress) -> None:
        """The recorder has let go of the oldest."""
        for _ in range(min(progress.done_count, len(self._sent_bytes))):
            self.held_bytes -= self._sent_bytes.popleft()
        self.dropped_count += progress.lost_count


def _said(bodies: Bodies) -> Said:
    record = bodies.record
    started_at = time.time() - time.monotonic() + record.started_at
    return Said(record.id, int(started_at * 1000), bodies.content_type[:_MAX_TEXT], bodies.is_request_cut, bodies.is_answer_cut)
