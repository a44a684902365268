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
        """Return a number in [0, 1) that is drawn by the session and the endpoint."""
        number = self._keys.number(call)
        return UNKNOWN if number is None else self._draw(number, candidate.endpoint.name)

    def scores(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[float] | None:
        """Return the same of each, or None where the call names no session."""
        number = self._keys.number(call)
        if number is None:
            return None
        draw = self._draw
        return [draw(number, each.endpoint.name) for each in candidates]

    def _draw(self, number: int, name: str) -> float:
        own = self._hashes.get(name)
        if own is None:
            own = self._learn(name)
        mixed = ((number ^ own) * 0x9E3779B97F4A7C15) & _MASK
        mixed = ((mixed ^ (mixed >> 32)) * 0xD6E8FEB86659FD93) & _MASK
        return (mixed ^ (mixed >> 32)) / _SPAN

    def _learn(self, name: str) -> int:
        if len(self._hashes) >= MAX_ENDPOINTS:
            self._hashes.clear()
        own = self._hashes[name] = stable_hash(name.encode())
        return own
