"""What a router answers when it is asked why: candidates, filters, scores, winner."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

State = Literal["chosen", "equal", "outranked", "filtered", "busy", "unroutable"]


@frozen
class ExplainedCandidate:
    """One endpoint, and what was said of it.

    Attributes:
        endpoint: Its name.
        state: How it ended: ``equal`` is as good as the chosen one, and it was another one's turn; ``outranked`` scored worse;
            ``busy`` has no free slot; ``unroutable`` may not be sent anything now.
        by: The filter or scorer that put it out, where one did; ``circuit_breaker`` where calls of the model failed there.
        reason: For people; why it is not the one, or why it is.
        scores: By scorer, in order, as far as it came; None = the scorer knows nothing of it. Lower is better.
    """

    endpoint: str
    in_flight: int
    max_in_flight: int
    state: State
    by: str | None = None
    reason: str = ""
    scores: dict[str, float | None] = field(factory=dict)


@frozen
class ExplainedRank:
    """One rank of a cascade.

    Attributes:
        scorer: Its name.
        best: The lowest score, None where the scorer knew nothing of anybody.
        limit: Scores up to here count as equal to the best.
        left_count: Candidates that were left after it.
    """

    scorer: str
    best: float | None
    limit: float | None
    left_count: int


@frozen
class Explanation:
    """Who would get a call now, and why. Nobody's turn is lost by asking.

    Attributes:
        router: Its name.
        model: What was asked for.
        candidates: Every endpoint of the model, in stable order.
        ranks: Of the cascade, in order; empty for a router that is none.
        winner: Name of the endpoint; None where nobody would get it, or where chance decides.
        reason: For people.
    """

    router: str
    model: str
    candidates: tuple[ExplainedCandidate, ...]
    ranks: tuple[ExplainedRank, ...]
    winner: str | None
    reason: str
