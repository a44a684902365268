"""Which endpoint has read which beginnings, within a fixed amount of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

ENTRY_BYTES = 200
MAX_ENDPOINTS = 4096


class PrefixIndex:
    """Remembers blocks, the least recently used are forgotten first. A block holds one bit for each endpoint that read it."""

    def __init__(self, memory_bytes: int) -> None:
        """Take about *memory_bytes* when full."""
        self._max_count = max(1, memory_bytes // ENTRY_BYTES)
        self._masks: OrderedDict[int, int] = OrderedDict()
        self._bits: dict[str, int] = {}
        self._names: list[str] = []

    def __len__(self) -> int:
        """Return how many blocks are remembered."""
        return len(self._masks)

    def depths(self, keys: Sequence[int]) -> dict[str, int]:
        """Return how many blocks from the beginning each endpoint has read; those that read none are absent."""
        live = -1
        found: list[int] = []
        for key in keys:
            live &= self._masks.get(key, 0)
            if not live:
                break
            found.append(live)
        depths: dict[str, int] = {}
        seen = 0
        for depth in range(len(found), 0, -1):
            new = found[depth - 1] & ~seen
            seen |= new
            while new:
                bit = new & -new
                depths[self._names[bit.bit_length() - 1]] = depth
                new ^= bit
        return depths

    def remember(self, keys: Sequence[int], endpoint: str) -> None:
        """Note that *endpoint* reads these blocks now."""
        place = self._bits.get(endpoint)
        if place is None:
            place = self._enter(endpoint)
        bit, masks = 1 << place, self._masks
        # From the end, so that what is forgotten first is the end of a prompt: without its beginning it would be worth nothing.
        for key in reversed(keys):
            masks[key] = masks.pop(key, 0) | bit
        while len(masks) > self._max_count:
            masks.popitem(last=False)

    def _enter(self, endpoint: str) -> int:
        """Give one more endpoint a bit; after very many, most of which must have left, begin anew."""
        if len(self._names) >= MAX_ENDPOINTS:
            self._masks.clear()
            self._bits.clear()
            self._names.clear()
        place = self._bits[endpoint] = len(self._names)
        self._names.append(endpoint)
        return place
