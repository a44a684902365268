"""Rendezvous hashing: every session has its own order of endpoints, and goes to the first that is there."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import UNKNOWN, Call, Candidate, Scorer
from llmlb_router_session.keys import SessionKeys, stable_hash

MAX_ENDPOINTS = 10_000
_MASK = (1 << 64) - 1
_SPAN = float(1 << 64)


class SessionPlace(Scorer):
    """Where an endpoint stands in the session's order. Unknown, for all, where a call names no session.

    The order depends on the session and each endpoint's name alone. So when an endpoint leaves, only its own sessions move, each to
    the next in its order, and they come back when it does; a full endpoint is left in the same way, for as long as it is full.
    """

    name = "session_place"
    reason = "place of its session"

    def __init__(self, keys: SessionKeys) -> None:
        """Know sessions by *keys*."""
        self._keys = keys
        self._hashes: dict[str, int] = {}

    def score(self, call: Call, candidate: Candidate) -> float:
        """Return a number in [0, 1] that is drawn by the session and the endpoint."""
        number = self._keys.number(call)
        name = candidate.endpoint.name
        return UNKNOWN if number is None else (number * (self._hashes.get(name) or self._learn(name)) & _MASK) / _SPAN

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where the call names no session."""
        number = self._keys.number(call)
        if number is None:
            return None
        own_of, learn = self._hashes.get, self._learn
        return [(number * (own_of(name := each.endpoint.name) or learn(name)) & _MASK) / _SPAN for each in candidates]

    def _learn(self, name: str) -> int:
        if len(self._hashes) >= MAX_ENDPOINTS:
            self._hashes.clear()
        # Odd, so that multiplying draws every number; both factors are good hashes already, so the product is one.
        own = self._hashes[name] = stable_hash(name.encode()) | 1
        return own
