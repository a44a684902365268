"""Who makes a call, and what they may do."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

Scope = Literal["api", "endpoints", "admin"]


@frozen
class Principal:
    """Somebody that an authenticator vouches for.

    Attributes:
        id: Stable id such as ``key:3f2a``; the unit of fairness in the queue.
        name: For people.
        scopes: ``admin`` contains the others (7c0a37e0-F9).
        models: Model names this principal may use; None = all.
        weight: Share in the fair queue, relative to others.
        valid_until: ``time.time()`` after which the credential must be verified again; None = until revoked.
    """

    id: str
    name: str = ""
    scopes: frozenset[Scope] = frozenset()
    models: frozenset[str] | None = None
    weight: float = 1.0
    valid_until: float | None = None

    def has(self, scope: Scope) -> bool:
        """Whether *scope* is held, itself or through ``admin``."""
        return scope in self.scopes or "admin" in self.scopes


@frozen
class Credential:
    """What an authenticator found in a request's headers; never shown, never logged.

    Attributes:
        scheme: The authenticator's name.
        secret: The bearer value, key or token.
    """

    scheme: str
    secret: str = field(repr=False)
