"""What session a call belongs to, as a number."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

import msgspec

from llmlb_core import Call
from llmlb_router_session.settings import SessionRouterSettings

MAX_REMEMBERED = 1024
"""Calls whose number is kept: one that waits is placed again and again."""

LONGEST_KEY = 1024
_NOTHING = frozenset({b"", b"null", b'""'})


class SessionKeys:
    """Reads the session of calls. Bounded, and remembers no session: the number is all there is."""

    def __init__(self, settings: SessionRouterSettings) -> None:
        """Look where *settings* say."""
        self._headers = tuple(name.lower() for name in settings.headers)
        # Only these fields are looked at and none is converted, so that a wrong type is no error here.
        names = [(name, msgspec.Raw, msgspec.Raw()) for name in dict.fromkeys(settings.fields)]
        self._fields = tuple(name for name, _, _ in names)
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("SessionFields", names)) if names else None
        self._by_principal = settings.by_principal
        self._numbers: OrderedDict[str, int | None] = OrderedDict()

    def number(self, call: Call) -> int | None:
        """Return 64 bits that stand for the call's session; None where it names none."""
        try:
            return self._numbers[call.id]
        except KeyError:
            key = self._key(call)
        number = None if key is None else stable_hash(key[:LONGEST_KEY])
        self._numbers[call.id] = number
        if len(self._numbers) > MAX_REMEMBERED:
            self._numbers.popitem(last=False)
        return number

    def _key(self, call: Call) -> bytes | None:
        headers = call.head.headers
        for name in self._headers:
            value = headers.get(name)
            if value:
                return value.encode("utf-8", "surrogateescape")
        return self._field(call.body) or (call.principal.id.encode() if self._by_principal else None)

    def _field(self, body: bytes) -> bytes | None:
        if self._decoder is None or not body:
            return None
        try:
            found = self._decoder.decode(body)
        except msgspec.DecodeError:  # the dialect says what is wrong with it
            return None
        for name in self._fields:
            value = bytes(getattr(found, name)).strip()
            if value not in _NOTHING:
                return _id_of(value)
        return None


def stable_hash(text: bytes) -> int:
    """Return 64 bits that are the same in every process, so that sessions stay where they are over a restart."""
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def _id_of(value: bytes) -> bytes:
    """Return the id in ``{"id": "conv_1"}``, which means the same as ``"conv_1"``; other values as they are."""
    if not value.startswith(b"{"):
        return value
    try:
        found = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return value
    return bytes(found["id"]).strip() if "id" in found else value
