"""Who can go on with a stream that broke from the text that is out, and what they are to be asked (rule 7, *continue*)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from llmlb_core.contracts.endpoint import Endpoint
from llmlb_core.contracts.endpoint_kind import Continuation
from llmlb_core.contracts.streams import Identity
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.kept_text import KeptText, TextPool
from llmlb_core.domain.transcript import Transcript
from llmlb_core.stages.acquire import Lease
from llmlb_core.stages.dispatch.answer import Answer, RelayedAnswer
from llmlb_core.stages.dispatch.attempt import Follows, attempt

CHANNEL = "0"
"""Of the first choice's text: an answer that has anything else in it is not continued."""


def keep_text(pool: TextPool, targets: Sequence[Target], answer: Answer) -> None:
    """Have the text of *answer* kept where it may be gone on with; nothing where nobody could, as with most streams.

    Its transcript tells whether what was kept is all of it: a burst may have been hashed before this.
    """
    model = answer.lease.target.model
    for target in targets:
        if target.model == model:
            for endpoint in target.endpoints:
                if endpoint.may_continue:
                    transcript = answer.transcript
                    if transcript is not None:
                        transcript.kept = KeptText(pool)
                    return


def forget_text(answer: Answer) -> None:
    """Let go of the text of *answer*, which is over, also where nothing could go on with that any more."""
    reader = answer.exchange.reader if isinstance(answer, RelayedAnswer) else None
    transcript = reader.transcript if reader is not None else answer.transcript
    if transcript is not None and transcript.kept is not None:
        transcript.kept.close()


@frozen
class Course:
    """How one stream is continued.

    Attributes:
        target: The same model, at the endpoints that can go on: two models in one answer would be told as one.
    """

    target: Target
    _delivered: Transcript
    _identity: Identity | None
    _continuations: dict[str, Continuation]

    @classmethod
    def of(cls, call: Call, targets: Sequence[Target], answer: Answer) -> Course | None:
        """Return how *answer* to *call* is gone on with; None where no endpoint can."""
        model, transcript = answer.lease.target.model, answer.transcript
        text = transcript.text_of(CHANNEL) if transcript is not None and answer.is_open else None
        target = next((each for each in targets if each.model == model), None)
        if transcript is None or not text or target is None:
            return None
        found: dict[str, Continuation] = {}
        able: list[Endpoint] = []
        for endpoint in target.endpoints:
            if endpoint.may_continue and endpoint.speaks(call.dialect.name):
                continuation = endpoint.continuation(call, text)
                if continuation is not None:
                    found[endpoint.id] = continuation
                    able.append(endpoint)
        return cls(Target(model, tuple(able)), transcript, answer.identity, found) if able else None

    async def open(self, call: Call, lease: Lease) -> Answer:
        """Ask the endpoint of *lease* for the rest."""
        continuation = self._continuations[lease.endpoint.id]
        said = self._delivered.fork()  # what it says may not come to be delivered
        follows = Follows(said, self._identity, continuation)
        answer: Answer | None = None
        try:
            answer = await attempt(evolve(call, body=continuation.body), lease, 0.0, follows)
        finally:
            unused = said.kept if answer is None else self._delivered.kept
            if unused is not None:
                unused.close()
        return answer
