"""Answers in sound and pictures: they flow as they come, and their streams take their time."""

from __future__ import annotations

from llmlb_core.domain.results import Usage
from llmlb_core.errors import CallError
from llmlb_core.upstream.events import PartialEvent
from llmlb_core.upstream.exchange import Exchange
from llmlb_core.upstream.incoming import JSON
from llmlb_core.upstream.stream import StreamExchange

MAX_MEDIA_EVENT_BYTES = 32 * 1024 * 1024
"""An event may hold a whole picture."""


class FlowingExchange(Exchange):
    """An exchange whose answer, if it is neither JSON nor a refusal, is passed on from its first byte.

    It commits with that: a listener hears the beginning while the end is spoken. What is JSON is held back as everywhere.
    """

    __slots__ = ()

    @property
    def _flows(self) -> bool:
        return self.status == 200 and JSON not in self.content_type.lower()

    def _take_plain(self, data: bytes) -> None:
        super()._take_plain(data)
        if not self._flows:
            return
        if self.committed.done():
            if not self._is_paused:
                self.overdue_at = self._loop.time() + self._limits.idle_s
        elif data:
            self.pause()  # until an outlet is attached: what is held stays bounded
            self._request = b""  # it will not be sent again
            self.committed.set_result(None)

    def _next_limit_s(self) -> float:
        return self._limits.idle_s if self._flows and self.committed.done() else super()._next_limit_s()

    def _problem_at_end(self, *, is_certain: bool) -> str | CallError | None:
        if self._flows:
            return None if self.committed.done() else "its answer is empty"
        return super()._problem_at_end(is_certain=is_certain)


class MediaStreamExchange(StreamExchange):
    """A stream of events about sound or pictures: events may be large, and the first of them may take as long as the answer.

    A server that knows no such streams answers at once with all of it, as the reference allows; that is passed on, too.
    """

    __slots__ = ()

    def hasten(self, seconds: float) -> None:
        """Do nothing: a picture is not slow because a text would be there by now."""

    @property
    def usage(self) -> Usage | None:
        """What the stream has said so far, or the answer that is none."""
        return self.reader.usage or self._usage

    def _check_type(self) -> None:
        kind = self.content_type.partition(";")[0].strip().lower()
        if kind == "text/event-stream":
            super()._check_type()
            self._partial = PartialEvent(MAX_MEDIA_EVENT_BYTES)
        elif kind == "text/html":
            self.refuse("it answered text/html where a stream was asked for")
