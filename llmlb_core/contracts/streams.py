"""Relayed streams as a dialect reads them while they pass."""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen

from llmlb_core.domain.results import Usage
from llmlb_core.domain.sse import split_events
from llmlb_core.domain.transcript import Transcript

DIFFERS = "replay_differs"
"""The code of the ``Fault`` of an answer that does not begin with what was delivered."""
UNFINISHED = "continue_unfinished"
"""The code of the ``Fault`` of an answer that was gone on with, and that its own limit of tokens ended too early."""


@frozen
class Identity:
    """What marks all events of one answer as of one: a resumed answer keeps it.

    Attributes:
        id: The answer's.
        created: Unix time, in the form in which the answer says it.
    """

    id: str
    created: int | float


@frozen
class Fault:
    """Why a stream is of no use from here on.

    Attributes:
        problem: Follows the endpoint's name and "failed: ".
        code: OpenAI's ``error.code`` for it.
        error: The ``data`` of an event in which the server says itself what is wrong, else None.
        last_words: What the client is given as it is where content is out already and no other answer can go on with it; empty = an
            error of the dialect's is written.
    """

    problem: str
    code: str = "malformed_event"
    error: bytes | None = None
    last_words: bytes = b""


class StreamReader(ABC):
    """Reads one stream, whole events at a time, and says what it has come to. Made for each stream; not shared.

    Attributes:
        is_flowing: False once ``is_finished``, or there is a ``fault``.
        is_finished: Whether all that the answer must hold has come; what may follow is its dialect's end mark.
        fault: Why nothing may follow.
        has_content: Whether something came that a client could notice: a call commits with it.
        usage: The last that was told of tokens.
        transcript: What was delivered.
        is_comparable: Whether that is all that was; if not, another answer cannot be compared with it.
        identity: What its events have in common, as far as it is known.
        is_open: Whether more could be added to the answer: no choice of it has a finish reason.
    """

    is_flowing: bool = True
    is_finished: bool = False
    fault: Fault | None = None
    has_content: bool = False
    usage: Usage | None = None
    transcript: Transcript
    is_comparable: bool = True
    identity: Identity | None = None
    is_open: bool = True

    def __init__(self) -> None:
        """Begin with nothing delivered."""
        self.transcript = Transcript()

    @abstractmethod
    def read(self, events: bytes) -> bytes:
        """Take whole *events*; return what of them may be passed on, mostly *events* itself."""

    def ends(self, *, is_certain: bool) -> bool:
        """Say whether the answer is whole if nothing follows; not *is_certain* = an end looks as a cut does."""
        del is_certain
        return self.is_finished

    def end(self) -> bytes:
        """Return what is missing at the end of an answer that is whole."""
        return b""

    def follow(self, delivered: Transcript, identity: Identity | None) -> bool:
        """Hold everything back until it is the same as was *delivered*, then go on as *identity*; False = that cannot be done.

        To be called before ``read``. An answer that differs has a ``fault`` with the code ``DIFFERS``.
        """
        del delivered, identity
        return False

    def go_on(self, delivered: Transcript, identity: Identity | None, *, is_capped: bool) -> bool:
        """Take what comes for what follows *delivered*, as *identity*; False = that cannot be done.

        To be called before ``read``. *delivered* grows by what is read; usage is of the whole answer then. Where it *is_capped*,
        an end for length is a ``fault`` with the code ``UNFINISHED``; what is no text has one with the code ``DIFFERS``.
        """
        del delivered, identity, is_capped
        return False


class BlindReader(StreamReader):
    """For dialects without a reader of their own: whatever has data is content, and every clean end is one."""

    is_comparable = False

    def read(self, events: bytes) -> bytes:
        """Pass everything on."""
        self.has_content = self.has_content or any(data is not None for _, data in split_events(events))
        return events

    def ends(self, *, is_certain: bool) -> bool:
        """Trust HTTP."""
        return is_certain and self.has_content
