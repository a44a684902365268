"""What an endpoint remembers of prompts: the least recently used blocks are forgotten first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence

BLOCK_TOKENS = 16

Segment = tuple[Hashable, int]
"""A piece of a prompt that others may share as a whole: a name for its content, and its tokens."""


class PrefixCache:
    """Least-recently-used blocks, kept segment by segment.

    Blocks of a segment are used together, so they are kept as one count: that is the same as a list of blocks and 50 times as
    fast. A prompt's later blocks are forgotten before its earlier ones, as engines do, because the later ones need the earlier.
    """

    __slots__ = ("_blocks", "_capacity", "_used")

    def __init__(self, capacity_tokens: int) -> None:
        """Remember at most *capacity_tokens*; 0 = nothing."""
        self._capacity = capacity_tokens // BLOCK_TOKENS
        self._used = 0
        self._blocks: OrderedDict[Hashable, int] = OrderedDict()

    @property
    def used_tokens(self) -> int:
        """How much is remembered."""
        return self._used * BLOCK_TOKENS

    def take(self, segments: Sequence[Segment]) -> int:
        """Return how many tokens at the beginning of a prompt are remembered, and remember all of it.

        Never all of the prompt: an engine computes at least the last token anew.
        """
        if not self._capacity:
            return 0
        cached = total = 0
        is_unbroken = True
        for key, tokens in segments:
            total += tokens
            if is_unbroken:
                known = self._blocks.get(key, 0) * BLOCK_TOKENS
                is_unbroken = known >= tokens
                cached += min(known, tokens)
        for key, tokens in reversed(segments):
            self.remember(key, tokens)
        return min(cached // BLOCK_TOKENS * BLOCK_TOKENS, max(0, total - 1))

    def remember(self, key: Hashable, tokens: int) -> None:
        """Note that the segment was used just now."""
        blocks = self._blocks
        known = blocks.pop(key, 0)
        wanted = min(max(known, -(-tokens // BLOCK_TOKENS)), self._capacity)
        if not wanted:
            return
        self._used += wanted - known
        while self._used > self._capacity:
            oldest = next(iter(blocks))
            excess = self._used - self._capacity
            if blocks[oldest] > excess:
                blocks[oldest] -= excess
                self._used -= excess
            else:
                self._used -= blocks.pop(oldest)
        blocks[key] = wanted

    def forget_all(self) -> None:
        """Begin anew, as an engine that was started again."""
        self._blocks.clear()
        self._used = 0
