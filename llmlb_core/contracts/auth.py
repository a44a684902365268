"""Who calls (authenticators) and whether they may (authorizers)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.principals import Credential, Principal


class Authenticator(ABC):
    """Recognises one kind of credential.

    Asked in the order of ``[auth] authenticators``; the first that finds a credential of its own decides.

    Attributes:
        name: What settings call it.
        reads: Names of the headers that ``credential`` is shown, lower case; the same values are judged once, then remembered.
        generation: Raise this whenever an earlier answer may be wrong (a key was revoked); the core then asks again.
    """

    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ("authorization", "x-api-key")
    generation: int = 0

    @abstractmethod
    def credential(self, headers: Mapping[str, str]) -> Credential | None:
        """Return the credential that is this authenticator's to judge, or None for "not mine". Sync, pure.

        Args:
            headers: Lower-case names.
        """

    @abstractmethod
    async def verify(self, credential: Credential) -> Principal:
        """Return who this is. The core caches the answer until ``valid_until`` or a new ``generation``.

        Raises:
            Unauthorized: Unknown, expired or revoked; the message says which, and the next step.
        """


class Authorizer(ABC):
    """May veto a principal's use of a target. Any veto wins. Sync, on the event loop, no I/O.

    Attributes:
        name: What settings call it.
    """

    name: ClassVar[str]

    def veto(self, principal: Principal, call: Call, target: Target) -> str | None:
        """Return why *principal* may not use *target*, in a sentence for the client, or None."""
        del principal, call, target
        return None

    def admit(self, principal: Principal, call: Call) -> None:
        """Count *call* against what *principal* may use. Asked once a call, after some target was allowed.

        Raises:
            RateLimited: A quota is used up.
        """
