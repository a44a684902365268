"""Stage 4: principal and every target → the targets that are allowed. Any veto wins."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from llmlb_core.contracts.auth import Authorizer
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.principals import Principal, Scope
from llmlb_core.errors import Forbidden, ModelNotAllowed


def require_scope(principal: Principal, scope: Scope) -> None:
    """Raise ``Forbidden`` unless *principal* holds *scope* (7c0a37e0-F4)."""
    if not principal.has(scope):
        raise Forbidden(f"API key does not have required scope: {scope}")


class Authorize:
    """Asks every authorizer about every target."""

    def __init__(self, authorizers: Sequence[Authorizer]) -> None:
        """Use *authorizers*."""
        self._vetoing = tuple(each for each in authorizers if type(each).veto is not Authorizer.veto)
        self._counting = tuple(each for each in authorizers if type(each).admit is not Authorizer.admit)

    def __call__(self, call: Call, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """Return the targets that nobody vetoes.

        Raises:
            Forbidden: The principal may not use inference at all.
            ModelNotAllowed: The model that the client named is vetoed, or all that could stand in for it.
            RateLimited: A quota of the principal is used up.
        """
        principal = call.principal
        if "api" not in principal.scopes:
            require_scope(principal, "api")
        allowed = targets
        for each in self._vetoing:
            for target in allowed:
                veto = each.veto(principal, _of_fallback(call, target) if target.is_fallback else call, target)
                if veto:
                    allowed = tuple([other for other in allowed if other is not target])
                    if not allowed or (target is targets[0] and not target.is_fallback):
                        raise ModelNotAllowed(veto, param="model")
        for each in self._counting:
            each.admit(principal, call)
        return allowed

    def again(self, call: Call, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """Return the targets that nobody vetoes, for a call that was let in and waits; it is not counted twice."""
        for each in self._vetoing:
            targets = tuple(
                [
                    target
                    for target in targets
                    if not each.veto(call.principal, _of_fallback(call, target) if target.is_fallback else call, target)
                ]
            )
        return targets


def _of_fallback(call: Call, target: Target) -> Call:
    """Return *call* as one of the fallback model: who may use a name may not use everything that stands in for it."""
    return evolve(call, model=target.model)
