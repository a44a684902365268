"""After the commit point: a stream that breaks is gone on with, where that is truthful.

The same call goes to another candidate. What that says is held back until it is as long as what was delivered; only if it is the
same, by hash, is the rest passed on. Nothing of our own making is ever in an answer.

Where no replay is the same, an endpoint whose kind declares it is given the text that is out, and goes on with it.

A client may say that it can begin anew: where that cannot be done either, it is told so and gets another answer from its beginning.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from attrs import define, evolve, field

from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.kept_text import TextPool
from llmlb_core.domain.records import Record
from llmlb_core.errors import AnswerDiffers, CallError
from llmlb_core.stages.acquire import Lease
from llmlb_core.stages.dispatch.answer import Answer, RelayedAnswer
from llmlb_core.stages.dispatch.attempt import Follows, attempt
from llmlb_core.stages.dispatch.continuing import Course, forget_text, keep_text
from llmlb_core.stages.dispatch.dispatch import Dispatch

KEPT_BYTES = 256 * 1024
"""A longer request is not kept once its stream is committed, so it cannot be replayed."""
ALL_KEPT_BYTES = 64 * 1024 * 1024
"""All kept requests together."""
RESTART_HEADER = "x-llmlb-restart"
"""``on`` = the client understands that an answer begins again, which ``Dialect.restart`` announces."""


@define
class ResumeStats:
    """Counts since the start, of what the attempts of calls do not tell.

    Attributes:
        differed_count: Replays that said something else.
        too_large_count: Streams whose request was not kept.
        texts: Those of running streams that could be continued.
    """

    differed_count: int = 0
    too_large_count: int = 0
    texts: TextPool = field(factory=TextPool)


Deliver = Callable[[Call, Answer], Awaitable[None]]


class Resume:
    """Delivers answers; streams, whatever breaks on the way."""

    def __init__(self, dispatch: Dispatch, *, may_continue: bool = True) -> None:
        """Try calls again by *dispatch*; *may_continue* = also by having endpoints go on with the text that is out."""
        self._dispatch = dispatch
        self._may_continue = may_continue
        self._kept_bytes = 0
        self.stats = ResumeStats()

    async def __call__(  # noqa: PLR0917  # each is a thing of its own, and there is one caller
        self,
        call: Call,
        targets: Sequence[Target],
        answer: Answer,
        record: Record,
        deliver: Deliver,
        wait: Callable[[], None],
        begin_anew: Callable[[bytes], None],
    ) -> None:
        """Return when *answer*, or what goes on with it, was delivered.

        Args:
            call: What was asked.
            targets: Of the call.
            answer: Committed, and closed by the caller, too.
            record: Of the call.
            deliver: Writes an answer; raises ``CallError`` where that breaks.
            wait: Told that nothing comes for a while.
            begin_anew: Given what announces that another answer follows, from its beginning; it is the last that is tried.

        Raises:
            CallError: It broke, and nothing can go on with it.
        """
        kept = self._keep(call, answer) if call.stream else 0
        if kept and self._may_continue:
            keep_text(self.stats.texts, targets, answer)
        was_restarted = False
        try:
            while True:
                try:
                    return await deliver(call, answer)
                except CallError as error:
                    answer.failed(error)
                    if not kept or error.is_told:
                        raise
                    wait()
                    broken = answer
                    await _close(broken)
                    try:
                        answer = await self._gone_on(call, targets, broken, error, record)
                    except CallError as same:
                        if was_restarted or same is not error:
                            raise
                        answer = await self._restarted(call, targets, broken, error, record, begin_anew)
                        forget_text(broken)
                        was_restarted = True
        finally:
            self._kept_bytes -= kept
            forget_text(answer)
            await _close(answer)

    async def _gone_on(self, call: Call, targets: Sequence[Target], answer: Answer, error: CallError, record: Record) -> Answer:
        """Return the answer that goes on where *answer*, which is closed, broke with *error*.

        Raises:
            CallError: *error*, where none does.
        """
        delivered, identity = answer.transcript, answer.identity
        if not error.is_retryable or delivered is None:
            raise error

        async def opener(call: Call, lease: Lease) -> Answer:
            return await _open(call, lease, Follows(delivered, identity))

        try:
            return await self._dispatch.another(call, targets, answer, error, record, opener, "replay")
        except CallError as last:
            self.stats.differed_count += isinstance(last, AnswerDiffers)
        course = Course.of(call, targets, answer) if self._may_continue else None
        if course is None:
            raise error
        try:
            return await self._dispatch.another(
                call, [course.target], answer, error, record, course.open, "continue", is_told=_is_told(record)
            )
        except CallError:
            raise error from None

    async def _restarted(  # noqa: PLR0917  # as above
        self,
        call: Call,
        targets: Sequence[Target],
        answer: Answer,
        error: CallError,
        record: Record,
        begin_anew: Callable[[bytes], None],
    ) -> Answer:
        """Return another answer, announced, if the client and the dialect allow that.

        Raises:
            CallError: *error*, where there is none.
        """
        asked = call.head.headers.get(RESTART_HEADER, "").strip().lower() == "on"
        announcement = call.dialect.restart(call) if asked and error.is_retryable else None
        if announcement is None:
            raise error

        async def opener(call: Call, lease: Lease) -> Answer:
            return await _open(call, lease, None)

        try:
            anew = await self._dispatch.another(call, targets, answer, error, record, opener, "restart", is_told=_is_told(record))
        except CallError:
            raise error from None
        if isinstance(anew, RelayedAnswer) and anew.exchange.status != 200:  # a refusal is no answer to begin with
            await _close(anew)
            raise error
        begin_anew(announcement)
        return anew

    def _keep(self, call: Call, answer: Answer) -> int:
        """Count the request in; return its size, 0 where it is too large to be kept."""
        size = len(call.body)
        if size > KEPT_BYTES or self._kept_bytes + size > ALL_KEPT_BYTES:
            self.stats.too_large_count += 1
            if isinstance(answer, RelayedAnswer):  # results are rendered with a look at the request
                call.body = b""
            return 0
        self._kept_bytes += size
        return size


def _is_told(record: Record) -> bool:
    """Whether the attempt that broke is in *record*, because another way to go on was tried."""
    return bool(record.attempts) and record.further is not None and record.further.is_over


async def _close(answer: Answer) -> None:
    closing = answer.close()
    if closing is not None:
        await closing


async def _open(call: Call, lease: Lease, follows: Follows | None) -> Answer:
    if call.request is None and not lease.endpoint.speaks(call.dialect.name):
        decoded = call.dialect.decode(call.route, call.body)
        call = evolve(call, request=decoded.request, ignored=decoded.ignored)
    return await attempt(call, lease, 0.0, follows)
