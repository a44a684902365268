"""Recognises API keys in a request's headers."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import ClassVar

from llmlb_auth_apikey.ring import KeyRing
from llmlb_core import Authenticator, Credential, Principal


class ApiKeyAuthenticator(Authenticator):
    """``X-API-Key: sk_…``, or ``Authorization: Bearer sk_…``; the first wins where both are there."""

    name: ClassVar[str] = "apikey"

    def __init__(self, ring: KeyRing) -> None:
        """Check keys against *ring*."""
        self._ring = ring

    @property
    def generation(self) -> int:  # type: ignore[override]  # the ring counts; a plain attribute would have to be kept in step
        """Grows whenever the set of good keys changes."""
        # A database that stays away is noticed by the ring's own refresh, and by `verify` once a minute and key.
        return self._ring.generation

    def credential(self, headers: Mapping[str, str]) -> Credential | None:
        """Return the key; None where there is none, or where the bearer is a signed token of somebody else."""
        key = headers.get("x-api-key", "").strip()
        if key:
            return Credential(self.name, key)
        scheme, _, bearer = headers.get("authorization", "").strip().partition(" ")
        bearer = bearer.strip()
        if scheme.lower() != "bearer" or not bearer or _is_jwt(bearer):
            return None
        return Credential(self.name, bearer)

    async def verify(self, credential: Credential) -> Principal:
        """Return the key's principal; memory only."""
        return self._ring.verify(credential.secret)


def _is_jwt(bearer: str) -> bool:
    header, *rest = bearer.split(".")
    if len(rest) != 2 or len(header) > 4096:  # three parts; no honest header is that long
        return False
    try:
        decoded = json.loads(base64.b64decode(header + "=" * (-len(header) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(decoded, dict)
