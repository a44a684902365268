"""Routers: which candidate gets a call. Whole ones, and the parts that a cascade is composed of."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence, Sized
from copy import deepcopy
from typing import ClassVar, Final, Literal

from attrs import field, frozen
from attrs.validators import ge

from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Choice
from llmlb_core.domain.explanations import ExplainedCandidate, Explanation

UNKNOWN: Final = math.inf
"""The score of a candidate of which a scorer knows nothing: it counts as equal to the best, so that it is tried."""


class Router(ABC):
    """Chooses one candidate.

    Called by the stage ``acquire`` for every lease, on the event loop: sync, no I/O, under 4 µs for four candidates.
    No await happens between the reading of load and the counting of the lease, so what it sees is true.

    Attributes:
        name: What settings call it.
    """

    name: ClassVar[str]

    @property
    def parts(self) -> Sequence[object]:
        """What it is composed of. Feedback that serves one of these is told of calls while a setting names this router.

        .. versionadded:: 0.1
        """
        return ()

    @abstractmethod
    def choose(self, call: Call, candidates: Sequence[Candidate]) -> Choice | None:
        """Return one of *candidates* with the reason, or None to refuse them all.

        Args:
            call: What is to be placed.
            candidates: At least one; routable and with a free slot; in stable order of ``position``.
        """

    def explain(self, call: Call, candidates: Sequence[Candidate]) -> Explanation:
        """Return who would get *call* now, and why; nothing is changed by it, and nobody's turn is lost.

        Asked by people, not by calls: it may take its time. By default a copy of this router is asked to choose, which says who
        and why, but not why not the others.

        Args:
            call: As for ``choose``.
            candidates: As for ``choose``.

        .. versionadded:: 0.1
        """
        choice = deepcopy(self).choose(call, candidates)
        chosen = None if choice is None else choice.candidate
        reason = "the router refuses every candidate" if choice is None else choice.reason
        explained = tuple(
            ExplainedCandidate(
                each.endpoint.name,
                each.in_flight,
                each.max_in_flight,
                "chosen" if each is chosen else "outranked",
                reason=reason if each is chosen else "",
            )
            for each in candidates
        )
        winner = None if chosen is None else chosen.endpoint.name
        return Explanation(self.name, call.model, explained, (), winner, reason)


class Filter(ABC):
    """Says which candidates may have a call at all: the first part of a cascade.

    Called for every choice, on the event loop: sync, no I/O, a microsecond.

    Attributes:
        name: What ``[[routing.routers]] filters`` calls it.
        knows: What it acts upon, one container for good, where that is all: while it is empty, everybody passes, so that nobody
            needs to ask. None = ask always.

    .. versionadded:: 0.1
    """

    name: ClassVar[str]
    knows: Sized | None = None

    @abstractmethod
    def keep(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return those of *candidates* that may have *call*, in the same order; *candidates* itself where that is all of them.

        A filter that only prefers returns all where it would keep none. One that insists returns none: the call then waits for
        an endpoint that passes, and is answered 503 where the model has no such endpoint.
        """

    def why_not(self, call: Call, candidate: Candidate) -> str:
        """Say why *candidate* was not kept, for an explanation; in a few words, such as ``GPU count is 0``."""
        del call, candidate
        return f"the filter {self.name} left it out"


class Scorer(ABC):
    """Says how good a candidate is: one rank of a cascade.

    Called for every choice, on the event loop: sync, no I/O, a quarter of a microsecond a candidate.

    Attributes:
        name: What ``[[routing.routers]] ranks`` calls it.
        reason: Why a candidate won that won by it, such as ``fewest in flight``; what logs and statistics say.
        unit: Of its scores, for explanations; empty for a plain number.
        asks: Attributes of a candidate that it tells candidates apart by, beside what it ``knows``, and by nothing else. While
            these are false of every candidate, and it knows nothing, nobody needs to ask it.

    .. versionadded:: 0.1
    """

    name: ClassVar[str]
    reason: ClassVar[str]
    unit: ClassVar[str] = ""
    asks: ClassVar[Sequence[Literal["in_flight", "endpoint.gpu_facts"]]] = ()

    @abstractmethod
    def score(self, call: Call, candidate: Candidate) -> float:
        """Return how good *candidate* is for *call*: lower is better, never NaN, ``UNKNOWN`` where nothing is known of it."""

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the score of each of *candidates*, or None where all of which something is known are alike for sure.

        The same as asking ``score`` of each, which is the default; a scorer writes its own to be faster.
        """
        score = self.score
        return [score(call, candidate) for candidate in candidates]

    def knows(self, tolerance: float) -> Sized | None:
        """Return what it tells candidates apart by, beside what it ``asks``: one container for good.

        While that is empty, scores are unknown or within *tolerance* of each other. None where there is no such container: then it
        tells them apart by what it ``asks`` alone; where it asks nothing, by what nobody can look at, so that it is asked always.

        Called once, when a cascade is composed.
        """
        del tolerance
        return None

    def chosen(self, call: Call, candidate: Candidate) -> None:
        """Note that *call* goes to *candidate*, for a scorer that counts what is under way; does nothing by default.

        Told at once, before anybody else is placed. A call whose endpoint fails is placed again, and told again.
        """


class Picker(ABC):
    """Chooses one among candidates that are equally good: the end of a cascade.

    Called for every choice, on the event loop: sync, no I/O, a microsecond. What it returns gets the call, so it may count turns.

    Attributes:
        name: What ``[[routing.routers]] picker`` calls it.
        reason: Why a candidate won that won by it, such as ``next in turn``.

    .. versionadded:: 0.1
    """

    name: ClassVar[str]
    reason: ClassVar[str]

    @abstractmethod
    def pick(self, call: Call, candidates: Sequence[Candidate]) -> Candidate:
        """Return one of *candidates*: at least one, of one target, in order of ``position``."""

    def preview(self, call: Call, candidates: Sequence[Candidate]) -> Candidate | None:
        """Return whom ``pick`` would return now, and change nothing; None where chance decides."""
        del call, candidates
        return None


@frozen
class Rank:
    """One rank of a cascade: candidates whose score is within the tolerance of the best go on to the next rank.

    Attributes:
        scorer: Who scores.
        tolerance: Share of the best score, such as 0.2: what is at most a fifth worse counts as equal.
        slack: The same in the scorer's own unit, such as 0.005 of seconds; the larger of the two holds.
    """

    scorer: Scorer
    tolerance: float = field(default=0.0, validator=ge(0.0))
    slack: float = field(default=0.0, validator=ge(0.0))

    def limit(self, best: float) -> float:
        """Return the score up to which candidates count as equal to the one with *best*."""
        return best + max(self.tolerance * abs(best), self.slack)
