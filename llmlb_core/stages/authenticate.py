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

ANYBODY = Principal(id="anybody", name="anybody", scopes=frozenset({"admin"}))
"""Who calls where authentication is disabled."""


class Authenticate:
    """Asks the authenticators in settings order; the first that finds a credential of its own decides."""

    def __init__(self, authenticators: Sequence[Authenticator], *, is_disabled: bool = False) -> None:
        """Use *authenticators*; with *is_disabled* everybody is an administrator."""
        self._authenticators = tuple(authenticators)
        self._is_disabled = is_disabled
        self._cache: OrderedDict[Credential, tuple[int, Principal]] = OrderedDict()

    async def __call__(self, headers: Mapping[str, str]) -> Principal:
        """Return who sent *headers*.

        Raises:
            Unauthorized: There is no credential, or a bad one.
        """
        if self._is_disabled:
            return ANYBODY
        for authenticator in self._authenticators:
            credential = authenticator.credential(headers)
            if credential is not None:
                return self._remembered(authenticator, credential) or await self._verify(authenticator, credential)
        raise Unauthorized(
            "You didn't provide an API key. Send it as 'Authorization: Bearer sk_…' or 'X-API-Key: sk_…'; "
            "'llmlb keys create' makes one."
        )

    def _remembered(self, authenticator: Authenticator, credential: Credential) -> Principal | None:
        known = self._cache.get(credential)
        if known is None:
            return None
        generation, principal = known
        is_expired = principal.valid_until is not None and principal.valid_until <= time.time()
        if generation != authenticator.generation or is_expired:
            del self._cache[credential]
            return None
        self._cache.move_to_end(credential)
        return principal

    async def _verify(self, authenticator: Authenticator, credential: Credential) -> Principal:
        generation = authenticator.generation  # read first: a key revoked while we wait must not be remembered as good
        principal = await authenticator.verify(credential)
        self._cache[credential] = (generation, principal)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return principal
