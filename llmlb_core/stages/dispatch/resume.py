"""After the commit point: a stream that breaks is gone on with, where that is truthful.

The same call goes to another candidate. What that says is held back until it is as long as what was delivered; only if it is the
same, by hash, is the rest passed on. Nothing of our own making is ever in an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve

from llmlb_core.contracts.streams import Identity
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.records import Record
from llmlb_core.domain.transcript import Transcript
from llmlb_core.errors import AnswerDiffers, CallError
from llmlb_core.stages.acquire import Lease
from llmlb_core.stages.dispatch.answer import Answer, RelayedAnswer, ResultsAnswer
from llmlb_core.stages.dispatch.attempt import Follows, attempt
from llmlb_core.stages.dispatch.dispatch import Dispatch

KEPT_BYTES = 256 * 1024
"""A longer request is not kept once its stream is committed, so it cannot be replayed."""
ALL_KEPT_BYTES = 64 * 1024 * 1024
"""All kept requests together."""


@define
class ResumeStats:
    """Counts since the start.

    Attributes:
        replayed: Streams that went on at another endpoint.
        differed: Replays that said something else.
        too_large: Streams whose request was not kept.
    """

    replayed: int = 0
    differed: int = 0
    too_large: int = 0


class Resume:
    """Finds an answer that goes on where another broke."""

    def __init__(self, dispatch: Dispatch) -> None:
        """Try calls again by *dispatch*."""
        self._dispatch = dispatch
        self._kept_bytes = 0
        self.stats = ResumeStats()

    def keep(self, call: Call, answer: Answer) -> int:
        """Count the request of a committed stream in; return what to give to ``forget``. One that is too large is let go."""
        size = len(call.body)
        if size > KEPT_BYTES or self._kept_bytes + size > ALL_KEPT_BYTES:
            self.stats.too_large += 1
            answer.is_resumable = False
            if isinstance(answer, RelayedAnswer):  # results are rendered with a look at the request
                call.body = b""
            return 0
        self._kept_bytes += size
        return size

    def forget(self, size: int) -> None:
        """Count a request out."""
        self._kept_bytes -= size

    async def __call__(self, call: Call, targets: Sequence[Target], answer: Answer, error: CallError, record: Record) -> Answer:
        """Return the answer that goes on where *answer* broke with *error*; gives the lease of *answer* back.

        Raises:
            CallError: *error*, where nothing can go on.
        """
        delivered = answer.transcript
        closing = answer.close()
        if closing is not None:
            await closing
        if not (call.stream and answer.is_resumable and error.is_retryable) or delivered is None:
            raise error
        identity = answer.identity if isinstance(answer, RelayedAnswer | ResultsAnswer) else None

        async def opener(call: Call, lease: Lease) -> Answer:
            return await _open(call, lease, delivered, identity)

        try:
            again = await self._dispatch.another(call, targets, answer, error, record, opener, "replay")
        except AnswerDiffers:
            self.stats.differed += 1
            raise error from None
        except CallError:
            raise error from None
        self.stats.replayed += 1
        return again


async def _open(call: Call, lease: Lease, delivered: Transcript, identity: Identity | None) -> Answer:
    if call.request is None and not lease.endpoint.speaks(call.dialect.name):
        decoded = call.dialect.decode(call.route, call.body)
        call = evolve(call, request=decoded.request, ignored=decoded.ignored)
    return await attempt(call, lease, 0.0, Follows(delivered, identity))
