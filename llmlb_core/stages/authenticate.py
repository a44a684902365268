"""Stage 1: headers → principal, before the body is read."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from llmlb_core.contracts.auth import Authenticator
from llmlb_core.domain.principals import Credential, Principal
from llmlb_core.errors import Unauthorized

CACHE_SIZE = 10_000
"""Remembered principals; beyond it the one unused for longest is forgotten."""

Seen = tuple[str | None, ...]
"""The values of the headers that authenticators read. They hold secrets: never shown, never logged."""

ANYBODY = Principal(id="anybody", name="anybody", scopes=frozenset({"admin"}))
"""Who calls where authentication is disabled."""


class Authenticate:
    """Asks the authenticators in settings order; the first that finds a credential of its own decides."""

    def __init__(self, authenticators: Sequence[Authenticator], *, is_disabled: bool = False) -> None:
        """Use *authenticators*; with *is_disabled* everybody is an administrator."""
        self._authenticators = tuple(authenticators)
        self._is_disabled = is_disabled
        self._reads = tuple(dict.fromkeys(name for each in authenticators for name in each.reads))
        self._cache: OrderedDict[Seen, tuple[Authenticator, int, Principal]] = OrderedDict()

    def remembered(self, headers: Mapping[str, str]) -> Principal | None:
        """Return who sent *headers*, where the same ones were verified before and nothing has changed since."""
        if self._is_disabled:
            return ANYBODY
        seen = tuple([headers.get(name) for name in self._reads])
        known = self._cache.get(seen)
        if known is None:
            return None
        authenticator, generation, principal = known
        valid_until = principal.valid_until
        if generation != authenticator.generation or (valid_until is not None and valid_until <= time.time()):
            del self._cache[seen]
            return None
        self._cache.move_to_end(seen)
        return principal

    async def __call__(self, headers: Mapping[str, str]) -> Principal:
        """Return who sent *headers*.

        Raises:
            Unauthorized: There is no credential, or a bad one.
        """
        known = self.remembered(headers)
        if known is not None:
            return known
        for authenticator in self._authenticators:
            # Shown only what it declares: anything else could not be part of what is remembered, and would open the door to others.
            own = {name: headers[name] for name in authenticator.reads if name in headers}
            credential = authenticator.credential(own)
            if credential is not None:
                seen = tuple([headers.get(name) for name in self._reads])
                return await self._verify(authenticator, credential, seen)
        raise Unauthorized(
            "You didn't provide an API key. Send it as 'Authorization: Bearer sk_…' or 'X-API-Key: sk_…'; "
            "'llmlb keys create' makes one."
        )

    async def _verify(self, authenticator: Authenticator, credential: Credential, seen: Seen) -> Principal:
        generation = authenticator.generation  # read first: a key revoked while we wait must not be remembered as good
        principal = await authenticator.verify(credential)
        self._cache[seen] = (authenticator, generation, principal)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return principal
