"""How long the first content of a stream is waited for, where something else could serve the call."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core.contracts.endpoint import Endpoint
from llmlb_core.domain.endpoints import Target

BYTES_PER_S = 2000 * 4
"""1 s for every 2,000 tokens of the prompt, taken as four bytes each."""
P95_FACTOR = 4.0
SLOW_S = 2.5
"""A quarter of the least limit: below it the 95th percentile changes nothing, and is not kept."""
MOST_CELLS = 10_000
_UP, _DOWN = 1.19, 0.99
"""A value that is raised by 19 steps where a sample is above it, lowered by one where it is not, rests where 1 of 20 is above."""


class Percentile:
    """The 95th percentile of a stream of durations, followed in one number."""

    __slots__ = ("count", "value")

    def __init__(self, value: float) -> None:
        """Begin at *value*."""
        self.value = value
        self.count = 0

    def add(self, seconds: float) -> None:
        """Take one sample."""
        self.count += 1
        self.value *= _UP if seconds > self.value else _DOWN


class Patience:
    """Learns how long endpoints take for prompts of a size, and says how long one is waited for.

    Only what was slow once is learnt: of an endpoint that always answers quickly there is nothing to know.

    Attributes:
        knows_any: Whether any endpoint was slow: until then ``note`` needs no calls of what was quick.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self._cells: dict[tuple[str, int], Percentile] = {}
        self.knows_any = False

    def limit_s(self, endpoint: Endpoint, prompt_bytes: int) -> float:
        """Return how long the first content may take, head included, before the call moves on."""
        limit_s = endpoint.switch_s + prompt_bytes / BYTES_PER_S
        if self.knows_any:
            cell = self._cells.get((endpoint.id, prompt_bytes.bit_length()))
            if cell is not None and P95_FACTOR * cell.value > limit_s:
                return P95_FACTOR * cell.value
        return limit_s

    def note(self, endpoint: Endpoint, prompt_bytes: int, seconds: float) -> None:
        """Learn that the first content took *seconds*, or had not come after them."""
        key = endpoint.id, prompt_bytes.bit_length()
        cell = self._cells.get(key)
        if cell is None:
            if seconds < SLOW_S:
                return
            if len(self._cells) >= MOST_CELLS:
                self._cells.clear()
            cell = self._cells[key] = Percentile(SLOW_S)
            self.knows_any = True
        cell.add(seconds)
        if cell.value < SLOW_S / 2:
            del self._cells[key]  # quick again, for long
            self.knows_any = bool(self._cells)


def has_other(endpoint: Endpoint, target: Target, targets: Sequence[Target], barred: frozenset[str]) -> bool:
    """Whether something else but *endpoint* could serve its call now: another endpoint of *target*, or a target after it."""
    endpoints = target.endpoints
    if len(endpoints) > 1:
        for other in endpoints:  # in place, for every stream is looked at
            if other is not endpoint and other.unroutable_reason is None and other.tripped is None and other.id not in barred:
                return True
        if _has_open(target, endpoint, barred):
            return True
    if len(targets) < 2 or target is targets[-1]:
        return False
    is_later = all(each.model != target.model for each in targets)
    for each in targets:
        if is_later and _has_open(each, endpoint, barred):
            return True
        is_later = is_later or each.model == target.model
    return False


def _has_open(target: Target, endpoint: Endpoint, barred: frozenset[str]) -> bool:
    model = target.model
    for other in target.endpoints:
        if other is endpoint or other.unroutable_reason is not None or other.id in barred:
            continue
        if other.tripped is None or model not in other.tripped or not other.tripped[model].is_blocked:
            return True
    return False
