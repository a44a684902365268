"""The parts of the router: what is left to read, and who is too busy."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import Call, Candidate, Filter, Scorer
from llmlb_router_prefix.blocks import ENDS, TOKEN_BYTES, Blocks
from llmlb_router_prefix.index import PrefixIndex

EQUAL = 0.1
"""A tenth more counts as equal."""

BASE_TOKENS = 64
"""What a call costs whose prompt is cached whole; so that load decides among endpoints that all have it."""


class Prefill(Scorer):
    """Tokens that are still to be read, times the load."""

    name = "prefill"
    reason = "least left to prefill"
    unit = "tokens × load"

    def __init__(self, blocks: Blocks, index: PrefixIndex) -> None:
        """Look in *index* for what *blocks* read."""
        self._blocks = blocks
        self._index = index

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return the tokens, times one more than the calls that run there."""
        prompt = self._blocks.read(call)
        depth = self._index.depths(prompt.keys).get(candidate.endpoint.name, 0)
        return _tokens(prompt.size_bytes, depth) * (1 + candidate.in_flight)

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each."""
        prompt = self._blocks.read(call)
        size = prompt.size_bytes
        whole = _tokens(size, 0)
        tokens = {name: _tokens(size, depth) for name, depth in self._index.depths(prompt.keys).items()}
        if not tokens:
            return [whole * (1 + each.in_flight) for each in candidates]
        get = tokens.get
        return [get(each.endpoint.name, whole) * (1 + each.in_flight) for each in candidates]

    def chosen(self, call: Call, candidate: Candidate) -> None:
        """Remember that *candidate* reads the prompt now."""
        self._index.remember(self._blocks.read(call).keys, candidate.endpoint.name)


class InBalance(Filter):
    """The hard guard: whatever is cached there, an endpoint that is far busier than the least busy one gets no call."""

    name = "in_balance"

    def __init__(self, count: int, ratio: float) -> None:
        """Allow *count* calls more than the least busy has, or *ratio* times as many, whichever is more."""
        self._count = count
        self._ratio = ratio

    def keep(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return those that are not far busier."""
        del call
        counts = [each.in_flight for each in candidates]
        least = min(counts)
        limit = max(least + self._count, least * self._ratio)
        if max(counts) <= limit:
            return candidates
        return [each for each in candidates if each.in_flight <= limit]

    def why_not(self, call: Call, candidate: Candidate) -> str:
        """Say how busy it is."""
        del call
        return f"{candidate.in_flight} calls run there, more than {self._count} above the least busy endpoint"


def _tokens(size_bytes: int, depth: int) -> float:
    """Return what is left of a prompt after *depth* blocks."""
    return BASE_TOKENS + (size_bytes - (ENDS[depth - 1] if depth else 0)) / TOKEN_BYTES
