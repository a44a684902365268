"""Calls as the pipeline would hand them to the stage ``acquire``, made of what a trace says."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import cast

from llmlb_core.contracts.dialect import Dialect, Entry, Route
from llmlb_core.domain.calls import Call, Head, Operation
from llmlb_core.domain.models import Capability
from llmlb_core.domain.principals import Principal
from llmlb_core.simulate.planned import Planned

TOKEN_BYTES = 4
"""Of text, for each token of a prompt."""

_ROUTE = Route("/v1/chat/completions", Operation.CHAT, Capability.TEXT_GENERATION)


class CallMaker:
    """Makes calls with bodies that begin alike where prompts do."""

    def __init__(self, dialects: Mapping[str, Dialect], timeout_s: float) -> None:
        """Speak the first of *dialects* that can chat.

        Args:
            dialects: By name.
            timeout_s: Deadline of a whole call.
        """
        entries = [Entry(each, route) for each in dialects.values() for route in each.routes if route.operation == _ROUTE.operation]
        # a router does not look at the dialect; without one there would be nothing to look at
        self._entry = entries[0] if entries else Entry(cast("Dialect", None), _ROUTE)
        self._timeout_s = timeout_s
        self._principals: dict[str, Principal] = {}

    def make(self, planned: Planned, number: int, now: float) -> Call:
        """Return call *number*, which came at *now*."""
        principal = self._principals.get(planned.principal)
        if principal is None:
            principal = self._principals[planned.principal] = Principal(planned.principal)
        entry = self._entry
        call_id = f"sim-{number}"
        headers = {"x-session-id": planned.session} if planned.session else {}
        return Call(
            id=call_id,
            head=Head("POST", entry.route.path, "", headers, "127.0.0.1", now, call_id),
            route=entry.route,
            dialect=entry.dialect,
            body=body_of(planned),
            model=planned.model,
            stream=True,
            principal=principal,
            deadline_at=now + self._timeout_s,
        )


def body_of(planned: Planned) -> bytes:
    """Return a chat of one message for each segment: shared beginnings are equal bytes, everything else differs."""
    segments = planned.segments
    parts = [b'{"model":"', planned.model.encode(), b'","stream":true,"messages":[']
    last = len(segments) - 1
    for place, (key, tokens) in enumerate(segments):
        role = b"user" if (last - place) % 2 == 0 else b"assistant" if place else b"system"
        parts += (b'{"role":"', role, b'","content":"', _text(key, tokens), b'"},' if place < last else b'"}]}')
    return b"".join(parts)


def _text(key: Hashable, tokens: int) -> bytes:
    """Return text of a length that fits, different for every *key*."""
    word = ("-".join(map(str, key)) if isinstance(key, tuple) else str(key)).encode() + b" "
    size = tokens * TOKEN_BYTES
    return (word * (size // len(word) + 1))[:size]
